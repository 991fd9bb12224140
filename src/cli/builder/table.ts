import type { Entry } from "../entry.ts";

/** Commands for what builds keep; `builder build` is one of the images'. */
export const builderCommands: Readonly<Record<string, Entry>> = {
  "builder du": {
    summary: "Show what the build cache takes on the disk",
    load: () => import("./du.ts"),
  },
  "builder cache-mount export": {
    summary: "Write what a cache mount holds to a tar",
    load: () => import("./cache-mount/export.ts"),
  },
  "builder cache-mount import": {
    summary: "Make a cache mount from a tar",
    load: () => import("./cache-mount/import.ts"),
  },
  "builder cache-mount ls": {
    summary: "List what RUN --mount=type=cache keeps",
    load: () => import("./cache-mount/list.ts"),
  },
  "builder history inspect": {
    summary: "Show what is known of a build",
    load: () => import("./history/inspect.ts"),
  },
  "builder history logs": {
    summary: "Show what a build reported",
    load: () => import("./history/logs.ts"),
  },
  "builder history ls": {
    summary: "List the builds that run and those that are over",
    load: () => import("./history/list.ts"),
  },
  "builder history rm": {
    summary: "Remove builds from the history",
    load: () => import("./history/remove.ts"),
  },
  "builder ls": {
    summary: "List the builders",
    load: () => import("./list.ts"),
  },
  "builder prune": {
    summary: "Remove build cache",
    load: () => import("./prune.ts"),
  },
};

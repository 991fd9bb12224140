import type { Entry } from "../entry.ts";

/** Commands for what builds keep; `builder build` is one of the images'. */
export const builderCommands: Readonly<Record<string, Entry>> = {
  "builder du": {
    summary: "Show what the build cache takes on the disk",
    load: () => import("./du.ts"),
  },
  "builder prune": {
    summary: "Remove build cache",
    load: () => import("./prune.ts"),
  },
};

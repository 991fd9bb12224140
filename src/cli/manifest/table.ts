import type { Entry } from "../entry.ts";

export const manifestCommands: Readonly<Record<string, Entry>> = {
  "manifest annotate": {
    summary: "Add additional information to a local image manifest",
    load: () => import("./annotate.ts"),
  },
  "manifest create": {
    summary: "Create a local manifest list for annotating and pushing to a registry",
    load: () => import("./create.ts"),
  },
  "manifest inspect": {
    summary: "Display an image manifest, or manifest list",
    load: () => import("./inspect.ts"),
  },
  "manifest push": {
    summary: "Push a manifest list to a repository",
    load: () => import("./push.ts"),
  },
  "manifest rm": {
    summary: "Delete one or more manifest lists from local storage",
    load: () => import("./remove.ts"),
  },
};

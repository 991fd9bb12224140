import type { Entry } from "../entry.ts";

export const registryCommands: Readonly<Record<string, Entry>> = {
  "registry garbage-collect": {
    summary: "Remove what no manifest in a registry's storage needs",
    load: () => import("./garbage-collect.ts"),
  },
  "registry serve": {
    summary: "Run a registry that images are pushed to and pulled from",
    load: () => import("./serve.ts"),
  },
};

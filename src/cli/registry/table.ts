import type { Entry } from "../entry.ts";

export const registryCommands: Readonly<Record<string, Entry>> = {
  "registry serve": {
    summary: "Run a registry that images are pushed to and pulled from",
    load: () => import("./serve.ts"),
  },
};

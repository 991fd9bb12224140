import type { Entry } from "../entry.ts";

export const contextCommands: Readonly<Record<string, Entry>> = {
  "context create": { summary: "Create a context", load: () => import("./create.ts") },
  "context export": {
    summary: "Export a context to a tar archive FILE or a tar stream on STDOUT.",
    load: () => import("./export.ts"),
  },
  "context import": { summary: "Import a context from a tar or zip file", load: () => import("./import.ts") },
  "context inspect": {
    summary: "Display detailed information on one or more contexts",
    load: () => import("./inspect.ts"),
  },
  "context ls": { summary: "List contexts", aliases: ["context list"], load: () => import("./list.ts") },
  "context rm": {
    summary: "Remove one or more contexts",
    aliases: ["context remove"],
    load: () => import("./remove.ts"),
  },
  "context show": { summary: "Print the name of the current context", load: () => import("./show.ts") },
  "context update": { summary: "Update a context", load: () => import("./update.ts") },
  "context use": { summary: "Set the current docker context", load: () => import("./use.ts") },
};

import type { Entry } from "../entry.ts";

/** What its scripts ask, `__complete`, is in no table: it reads the table. */
export const completionCommands: Readonly<Record<string, Entry>> = {
  completion: {
    summary: "Print the completion script of a shell: bash, zsh or fish",
    load: () => import("./completion.ts"),
  },
};

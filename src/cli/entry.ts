import type { Command } from "./command.ts";

/** One command in the table of all. */
export interface Entry {
  summary: string;
  /** Other names of the same command, in the order the help shows them. */
  aliases?: readonly string[];
  /** Left out of the lists of commands. */
  isHidden?: boolean;
  /** Imports only what this command needs: start-up time counts. Left out for what is not yet supported. */
  load?: () => Promise<{ command: Command }>;
}

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../errors.ts";
import type { Exit } from "../supervisor-protocol/protocol.ts";

const fileName = "exit";

/** Leaves word for the next supervisor, should this one be killed before the daemon has taken note. */
export function keepExit(folder: string, exit: Exit): void {
  try {
    writeFileSync(join(folder, exit.process, fileName), JSON.stringify(exit));
  } catch (error) {
    // A full file system, say. This supervisor knows it all the same.
    console.error(`the exit of ${exit.process} could not be kept: ${messageOf(error)}`);
  }
}

/** What earlier supervisors have left word of. */
export function readKeptExits(folder: string): Exit[] {
  return readdirSync(folder).flatMap((process) => {
    try {
      const exit: Exit = JSON.parse(readFileSync(join(folder, process, fileName), "utf8"));
      return [{ ...exit, process, exitCode: exit.exitCode }];
    } catch {
      // It has none, or was cut off.
      return [];
    }
  });
}

import { readFile } from "node:fs/promises";
import { disorderPath, parseDisorder, slackMilliseconds } from "../../formats/log-disorder.ts";
import type { LogEntry } from "../../formats/log-entry.ts";
import { entryTime } from "./source.ts";

/**
 * Before what time entries tell that nothing before them is wanted: the clock may have been set back between them.
 * @param path the log's
 * @param since milliseconds since the epoch @returns the same; undefined where all is wanted
 */
export async function seekableSince(path: string, since: number | undefined): Promise<number | undefined> {
  if (since === undefined) return undefined;
  const noted = await readFile(disorderPath(path), "utf8").catch(() => "");
  return since - parseDisorder(noted) - slackMilliseconds;
}

/** @param since as `seekableSince` gives it */
export const endsBefore = (entry: LogEntry, since: number | undefined) =>
  since !== undefined && entryTime(entry) < since;

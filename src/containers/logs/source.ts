import type { LogEntry } from "../../formats/log-entry.ts";
import { parseTimestamp } from "../../formats/timestamp.ts";

/** Which entries of a log are wanted. */
export interface LogSelection {
  stdout: boolean;
  stderr: boolean;
  /** Milliseconds since the epoch, both included. */
  since: number | undefined;
  until: number | undefined;
  /** How many at most, the last ones of those that are there. */
  tail: number | undefined;
}

/** Where a container's output can be read again. */
export interface LogSource {
  /** What is there now, oldest first, a piece at a time. */
  read(selection: LogSelection): AsyncGenerator<LogEntry[]>;
  /** As `read`, and then what comes, until `ended` is settled and all is read, or `until` has come. */
  follow(selection: LogSelection, ended: Promise<unknown>): AsyncGenerator<LogEntry[]>;
}

export function compileSelection({ since, until, ...streams }: LogSelection): (entry: LogEntry) => boolean {
  return (entry) => {
    if (!streams[entry.stream]) return false;
    if (since === undefined && until === undefined) return true;
    const time = entryTime(entry);
    return (since === undefined || time >= since) && (until === undefined || time <= until);
  };
}

/** Whatever comes after it is not wanted either. */
export function isPast(entry: LogEntry, { until }: LogSelection): boolean {
  return until !== undefined && entryTime(entry) > until;
}

/** Milliseconds since the epoch. */
export const entryTime = ({ time }: LogEntry) => parseTimestamp(time) ?? 0;

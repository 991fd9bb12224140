import { invalid, notImplemented } from "../errors.ts";
import type { LogEntry } from "../formats/log-entry.ts";
import { encodeFrames, streams } from "../formats/stdcopy.ts";
import { parseTimestamp } from "../formats/timestamp.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import { logPathOf } from "./inspect.ts";
import { followEntries, openLogFiles, readEntries, readEntriesBackwards } from "./log-reader.ts";

export interface LogsOptions {
  stdout: boolean;
  stderr: boolean;
  follow: boolean;
  timestamps: boolean;
  /** With the attributes of each line; there are none so far. */
  details?: boolean;
  /** Unix seconds or RFC 3339; "" for no bound. */
  since: string;
  until: string;
  /** "all" or a number of lines. */
  tail: string;
  signal?: AbortSignal;
}

/**
 * A container's output from its log, as chunks to send: Docker's frames, or raw when it has a terminal.
 * @throws EngineError invalid for the options
 */
export async function* readLogs(
  containers: Containers,
  container: Container,
  options: LogsOptions,
): AsyncGenerator<Buffer> {
  const { Tty: isTerminal } = container.record.config;
  const format = ({ log, time }: LogEntry) => {
    // Where a line's labels and variables would be: with none, Docker's details are the blank alone.
    const detailed = options.details ? ` ${log}` : log;
    return options.timestamps ? `${time} ${detailed}` : detailed;
  };
  for await (const entries of selectEntries(containers, container, options)) {
    if (isTerminal) yield Buffer.from(entries.map(format).join(""));
    else yield encodeFrames(entries.map((entry) => ({ stream: streams[entry.stream], text: format(entry) })));
  }
}

/** @throws EngineError, before anything is sent */
export function checkLogs(container: Container, options: LogsOptions): void {
  if (!options.stdout && !options.stderr)
    throw invalid("Bad parameters: you must choose at least one stream");
  if (container.record.hostConfig.LogConfig.Type === "none") {
    throw notImplemented("configured logging driver does not support reading");
  }
  compileBounds(options);
  parseTail(options.tail);
}

async function* selectEntries(
  containers: Containers,
  container: Container,
  options: LogsOptions,
): AsyncGenerator<LogEntry[]> {
  const isWanted = compileBounds(options);
  const path = logPathOf(containers, container.record.id);
  const files = await openLogFiles(path);
  const last = files.at(-1);
  let position = 0;
  try {
    const count = parseTail(options.tail);
    if (count === undefined) {
      for (const file of files) {
        const blocks = readEntries(file, 0);
        for (let step = await blocks.next(); ; step = await blocks.next()) {
          if (step.done) {
            position = step.value;
            break;
          }
          yield step.value.filter(isWanted);
        }
      }
    } else {
      position = last ? (await last.stat()).size : 0;
      yield (await readTail(files, count, isWanted)).reverse();
    }
  } finally {
    await Promise.all(files.map((file) => (file === last && options.follow ? undefined : file.close())));
  }
  if (!options.follow) return;
  const gone = new Promise<void>((resolve) => options.signal?.addEventListener("abort", () => resolve()));
  const ended = Promise.race([gone, container.wait("not-running", options.signal).catch(() => {})]);
  for await (const entries of followEntries(path, last, position, ended)) {
    if (options.signal?.aborted) return;
    yield entries.filter(isWanted);
    if (entries.some((entry) => isPast(entry, options.until))) return;
  }
}

async function readTail(
  files: Parameters<typeof readEntriesBackwards>[0][],
  count: number,
  isWanted: (entry: LogEntry) => boolean,
): Promise<LogEntry[]> {
  const found: LogEntry[] = [];
  if (count === 0) return found;
  for (const file of files.toReversed()) {
    for await (const entry of readEntriesBackwards(file)) {
      if (isWanted(entry)) found.push(entry);
      if (found.length === count) return found;
    }
  }
  return found;
}

/** @returns undefined for all */
function parseTail(tail: string): number | undefined {
  if (tail === "" || tail === "all") return undefined;
  const count = Number(tail);
  return Number.isInteger(count) && count >= 0 ? count : undefined;
}

function compileBounds(options: LogsOptions): (entry: LogEntry) => boolean {
  const since = parseBound(options.since);
  const until = parseBound(options.until);
  return (entry) => {
    if (!options[entry.stream]) return false;
    if (since === undefined && until === undefined) return true;
    const time = parseTimestamp(entry.time) ?? 0;
    return (since === undefined || time >= since) && (until === undefined || time <= until);
  };
}

function isPast(entry: LogEntry, until: string): boolean {
  const bound = parseBound(until);
  return bound !== undefined && (parseTimestamp(entry.time) ?? 0) > bound;
}

/** Zero is how clients say "no bound". */
function parseBound(text: string): number | undefined {
  if (text === "" || text === "0") return undefined;
  const milliseconds = parseTimestamp(text);
  if (milliseconds === undefined) throw invalid(`invalid value for "since" or "until": ${text}`);
  return milliseconds;
}

import { invalid, notImplemented } from "../../errors.ts";
import { isObject } from "../../formats/json.ts";
import type { LogEntry } from "../../formats/log-entry.ts";
import { encodeFrames, streams } from "../../formats/stdcopy.ts";
import { parseTimestamp } from "../../formats/timestamp.ts";
import type { Container } from "../container.ts";
import { type Containers, folderOf } from "../containers.ts";
import { findLogSource } from "./drivers.ts";
import type { LogSelection, LogSource } from "./source.ts";

export interface LogsRequest {
  stdout: boolean;
  stderr: boolean;
  follow: boolean;
  timestamps: boolean;
  /** With the attributes of each line. */
  details?: boolean;
  /** Unix seconds or RFC 3339; "" for no bound. */
  since: string;
  until: string;
  /** "all" or a number of lines. */
  tail: string;
  signal?: AbortSignal;
}

/**
 * A container's output from its log, as chunks to send: Docker's frames, or raw when it has a terminal. Nothing where the log
 * cannot be read.
 * @throws EngineError invalid for the options
 */
export async function* readLogs(
  containers: Containers,
  container: Container,
  options: LogsRequest,
): AsyncGenerator<Buffer> {
  const { Tty: isTerminal } = container.record.config;
  const format = ({ log, time, attrs }: LogEntry) => {
    // With none, Docker's details are the blank alone.
    const detailed = options.details ? `${formatDetails(attrs)} ${log}` : log;
    return options.timestamps ? `${time} ${detailed}` : detailed;
  };
  const source = sourceOf(containers, container);
  if (!source) return;
  for await (const entries of open(source, container, options)) {
    if (options.signal?.aborted) return;
    if (isTerminal) yield Buffer.from(entries.map(format).join(""));
    else yield encodeFrames(entries.map((entry) => ({ stream: streams[entry.stream], text: format(entry) })));
  }
}

/** "a=b,c=d", both as in a query. */
function formatDetails(attributes: unknown): string {
  const all = isObject(attributes) ? Object.entries(attributes) : [];
  const encode = (text: unknown) => new URLSearchParams([["", String(text)]]).toString().slice(1);
  return all
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join(",");
}

/** @throws EngineError, before anything is sent */
export function checkLogs(containers: Containers, container: Container, options: LogsRequest): void {
  if (!options.stdout && !options.stderr)
    throw invalid("Bad parameters: you must choose at least one stream");
  if (!sourceOf(containers, container))
    throw notImplemented("configured logging driver does not support reading");
  readSelection(options);
}

function sourceOf(containers: Containers, { record }: Container): LogSource | undefined {
  return findLogSource(folderOf(containers, record.id), record);
}

function open(source: LogSource, container: Container, options: LogsRequest): AsyncGenerator<LogEntry[]> {
  const selection = readSelection(options);
  // As with Docker, each run has a follow of its own: clients begin another at the next "start".
  const isOver = container.phase === "restarting";
  if (!options.follow || isOver) return source.read(selection);
  const gone = new Promise<void>((resolve) => options.signal?.addEventListener("abort", () => resolve()));
  const ended = Promise.race([gone, container.wait("not-running", options.signal).catch(() => {})]);
  return source.follow(selection, ended);
}

/** @throws EngineError invalid */
function readSelection({ stdout, stderr, since, until, tail }: LogsRequest): LogSelection {
  return { stdout, stderr, since: parseBound(since), until: parseBound(until), tail: parseTail(tail) };
}

/** @returns undefined for all */
function parseTail(tail: string): number | undefined {
  if (tail === "" || tail === "all") return undefined;
  const count = Number(tail);
  return Number.isInteger(count) && count >= 0 ? count : undefined;
}

/** Zero is how clients say "no bound". */
function parseBound(text: string): number | undefined {
  if (text === "" || text === "0") return undefined;
  const milliseconds = parseTimestamp(text);
  if (milliseconds === undefined) throw invalid(`invalid value for "since" or "until": ${text}`);
  return milliseconds;
}

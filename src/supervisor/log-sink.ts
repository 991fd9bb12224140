import type { LogEntry } from "../formats/log-entry.ts";
import type { GivenLogOptions, LogOptions } from "../supervisor-protocol/protocol.ts";
import { LogFile } from "./log-file.ts";

/** Where a process's output is kept. Only what writes files has a place here: nothing that waits for a network may hold a process up. */
export interface LogSink {
  /**
   * Never throws: a process must not stop because its log cannot grow.
   * @param chunk the caller's again afterwards
   * @returns false when the writer should pause until `whenWritten`
   */
  append(stream: LogEntry["stream"], chunk: Buffer): boolean;
  /** Resolves when all that was appended is written, as far as it can be. */
  whenWritten(): Promise<void>;
  /** Writes what is left, also of unfinished lines, and closes. */
  end(): Promise<void>;
}

const nowhere: LogSink = {
  append: () => true,
  whenWritten: async () => {},
  end: async () => {},
};

type Create<Driver> = (options: Extract<LogOptions, { driver: Driver }>) => LogSink;

const sinks: { [Driver in LogOptions["driver"]]: Create<Driver> } = {
  "json-file": (options) => new LogFile(options),
  none: () => nowhere,
};

/** Names of the drivers there are. */
export const logDrivers = Object.keys(sinks) as LogOptions["driver"][];

/**
 * Opens a log, or continues one that exists.
 * @throws Error when it cannot be written
 */
export function createLogSink(given: GivenLogOptions): LogSink {
  const options = nameDriver(given);
  if (!Object.hasOwn(sinks, options.driver)) throw new Error(`unknown log driver ${options.driver}`);
  const create = sinks[options.driver] as Create<LogOptions["driver"]>;
  return create(options);
}

function nameDriver(given: GivenLogOptions): LogOptions {
  if (!given) return { driver: "none" };
  return "driver" in given ? given : { driver: "json-file", ...given };
}

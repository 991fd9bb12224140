import type { LogEntry } from "../../formats/log-entry.ts";
import type { ContainerRecord } from "../container.ts";
import type { DriverOptions } from "../logs/file-options.ts";

/** A connection to where a log goes. */
export interface LogRemote {
  /** Resolves when the entries have left this process, or have been acknowledged where the protocol has that. @throws when it is lost */
  send(entries: readonly LogEntry[]): Promise<void>;
  onLost(listener: (error: Error) => void): void;
  /** Ends it once all has been taken, as far as that is known. @throws when it is lost before */
  end(): Promise<void>;
  /** At once. */
  close(): void;
}

/** A log driver whose log is somewhere else. */
export interface RemoteDriver {
  /** Names of its own options. */
  options: readonly string[];
  /** @throws EngineError invalid in Docker's words */
  check(options: DriverOptions): void;
  /** What Docker says of an option that it has not. */
  refuseOption(name: string): string;
  /** @param onCut called for each entry that was too large for the way it goes, and went shortened or not at all */
  connect(record: ContainerRecord, options: DriverOptions, onCut?: () => void): Promise<LogRemote>;
}

/** More of a tag is not sent where the whole message is too large. */
export const shortTagLength = 1024;

/** A line without its end. */
export const lineText = ({ log }: LogEntry) => log.replace(/\r?\n$/, "");

/** Of syslog, which others took over: an error, or information. */
export const severityOf = ({ stream }: LogEntry) => (stream === "stderr" ? 3 : 6);

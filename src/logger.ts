import { type Logger, pino } from "pino";

export type { Logger };

const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** What a level of Docker's is called here, in any case; undefined for one that is none. */
export function findLogLevel(given: string): string | undefined {
  const level = given.toLowerCase();
  return level === "panic" ? "fatal" : levels.find((one) => one === level);
}

/** A logger that writes JSON lines to standard error. `level` is one of pino's: debug, info, warn, error, silent. */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // An error's message and stack are no members that JSON would show.
      serializers: { error: pino.stdSerializers.err },
    },
    pino.destination(2),
  );
}

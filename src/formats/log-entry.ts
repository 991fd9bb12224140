/** One line of a container's output as Docker's json-file driver stores it. */
export interface LogEntry {
  /** With its line feed; without one when the line was longer than `maxLineBytes` and goes on in the next entry. */
  log: string;
  stream: "stdout" | "stderr";
  /** Labels and variables of the container that its log was to carry. */
  attrs?: Record<string, string>;
  /** RFC 3339 with nanoseconds. */
  time: string;
}

/** Longer lines are split, as Docker does. */
export const maxLineBytes = 16 * 1024;

/** @returns undefined for a line that is not an entry, such as one cut short by a power failure. */
export function decodeLogEntry(line: string): LogEntry | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return isLogEntry(entry) ? entry : undefined;
  } catch {
    return undefined;
  }
}

function isLogEntry(entry: unknown): entry is LogEntry {
  return (
    typeof entry === "object" && entry !== null && "log" in entry && "stream" in entry && "time" in entry
  );
}

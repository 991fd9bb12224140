/** One line of a container's output as Docker's json-file driver stores it. */
export interface LogEntry {
  /** With its line feed; without one when the line was longer than `maxLineBytes` and goes on in the next entry. */
  log: string;
  stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds. */
  time: string;
}

/** Longer lines are split, as Docker does. */
export const maxLineBytes = 16 * 1024;

export function encodeLogEntry(line: string, stream: LogEntry["stream"], time: string): string {
  return `{"log":${JSON.stringify(line)},"stream":"${stream}","time":"${time}"}\n`;
}

/** What JSON writes otherwise than it stands; a line feed is a case of its own. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters meant.
const escaped = /[\u0000-\u0009\u000b-\u001f"\\]/;

/** The same for many lines at once. @param lines each with its line feed */
export function encodeLogLines(lines: string, stream: LogEntry["stream"], time: string): string {
  if (escaped.test(lines)) {
    const each = lines.split("\n").slice(0, -1);
    return each.map((line) => encodeLogEntry(`${line}\n`, stream, time)).join("");
  }
  const end = `\\n","stream":"${stream}","time":"${time}"}\n`;
  return `{"log":"${lines.slice(0, -1).replaceAll("\n", `${end}{"log":"`)}${end}`;
}

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

import { parseDuration } from "../formats/units.ts";

/**
 * What --since and --until take, as the API wants it (Unix seconds with nine decimals): a duration back from now (10m),
 * Unix seconds, or an RFC 3339 time or a beginning of one, local when it names no zone.
 * @throws Error when it is none of these
 */
export function parseTimeFlag(name: string, text: string, nowMilliseconds = Date.now()): string | undefined {
  if (text === "") return undefined;
  if (/^-?\d+(\.\d+)?$/.test(text)) return text;
  try {
    if (/^\d{4}-\d\d-\d\d/.test(text)) return parseDate(text);
    return formatUnix(nowMilliseconds - parseDuration(text) / 1e6, 0);
  } catch {
    const prefix = name === "" ? "" : `invalid value for "${name}": `;
    throw new Error(`${prefix}failed to parse value as time or duration: ${JSON.stringify(text)}`);
  }
}

function parseDate(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d(?::\d\d){0,2})(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (match === null) throw new Error("invalid time");
  const [, day, clock = "00", fraction = "", zone = ""] = match;
  const full = `${clock}:00:00`.slice(0, 8);
  const milliseconds = Date.parse(`${day}T${full}${zone}`);
  if (Number.isNaN(milliseconds)) throw new Error("invalid time");
  return formatUnix(milliseconds, Number(fraction.padEnd(9, "0")));
}

function formatUnix(milliseconds: number, nanoseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const rest = Math.round((milliseconds - seconds * 1000) * 1e6) + nanoseconds;
  return `${seconds}.${String(rest).padStart(9, "0")}`;
}

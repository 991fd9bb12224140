/** What Docker writes for a time that never was. */
export const never = "0001-01-01T00:00:00Z";

let cachedSecond = Number.NaN;
let cachedPrefix = "";

/** RFC 3339 in UTC with nine decimals. `milliseconds` since the epoch may have a fraction; the clock gives microseconds. */
export function formatTimestamp(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  if (second !== cachedSecond) {
    cachedSecond = second;
    cachedPrefix = new Date(second * 1000).toISOString().slice(0, 20);
  }
  const microseconds = Math.floor((milliseconds - second * 1000) * 1000);
  return `${cachedPrefix}${String(microseconds).padStart(6, "0")}000Z`;
}

/** Now, in milliseconds since the epoch with a fraction; follows the wall clock when it is set. */
export function nowMilliseconds(): number {
  const wall = Date.now();
  const fine = performance.timeOrigin + performance.now();
  return Math.abs(fine - wall) < 2 ? fine : wall;
}

export const timestamp = () => formatTimestamp(nowMilliseconds());

/** As `formatTimestamp` writes it, and Go: read in thousands when containers are listed. */
const own = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/;

/**
 * Parses RFC 3339 (any offset, any decimals) or unix seconds with decimals, as the API's `since` and `until` take them.
 * @returns milliseconds since the epoch with a fraction, or undefined when it is neither.
 */
export function parseTimestamp(text: string): number | undefined {
  if (own.test(text)) return sumOf(Date.parse(`${text.slice(0, 19)}Z`), text.slice(19, 29));
  const unix = text[4] === "-" ? undefined : /^(-?)(\d+)(\.\d+)?$/.exec(text);
  // In its parts, as RFC 3339 below: the line of exactly that time is to be met.
  if (unix) return (unix[1] ? -1 : 1) * (sumOf(Number(unix[2]) * 1000, unix[3]) ?? 0);
  const match = /^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(\.\d+)?(Z|z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return undefined;
  return sumOf(Date.parse(`${match[1]?.replace(" ", "T")}${match[3]?.toUpperCase()}`), match[2]);
}

/** @param fraction of a second: ".5" */
function sumOf(wholeMilliseconds: number, fraction = "0"): number | undefined {
  return Number.isNaN(wholeMilliseconds) ? undefined : wholeMilliseconds + Number(fraction) * 1000;
}

const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
const decimal = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];

/** Go's %.Ng: `digits` significant digits, without trailing zeros. */
function formatSignificant(value: number, digits: number): string {
  const text = value.toPrecision(digits);
  if (text.includes("e")) {
    const [mantissa, exponent] = Number(text).toExponential().split("e");
    return `${mantissa}e${exponent?.replace(/^([+-])(\d)$/, "$10$2")}`;
  }
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function scale(value: number, base: number, units: string[], digits: number): string {
  let index = 0;
  let scaled = value;
  while (scaled >= base && index < units.length - 1) {
    scaled /= base;
    index++;
  }
  return `${formatSignificant(scaled, digits)}${units[index]}`;
}

/** `1.23MB`: powers of 1000, as image sizes are shown. */
export const formatSize = (sizeBytes: number, digits = 4): string => scale(sizeBytes, 1000, decimal, digits);

/** `64MiB`: powers of 1024, as memory is shown. */
export const formatBinarySize = (sizeBytes: number): string => scale(sizeBytes, 1024, binary, 4);

/**
 * Parses `64m`, `1.5g`, `512`, `1kib`: powers of 1024 whatever the spelling, as `--memory` takes it.
 * @throws Error in Docker's words
 */
export function parseSize(text: string): number {
  return readSize(text, 1024);
}

/** The same in powers of 1000, as a log's `max-size` is read. @throws Error in Docker's words */
export function parseDecimalSize(text: string): number {
  return readSize(text, 1000);
}

function readSize(text: string, base: number): number {
  const [, number, suffix = ""] = /^([\s\S]*[\d.]|[\s\S]*(?= )) ?([^\d. ]*)$/.exec(text) ?? [];
  if (number === undefined) throw new Error(`invalid size: '${text}'`);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(number))
    throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(number)}: invalid syntax`);
  if (Number(number) < 0) throw new Error(`invalid size: '${text}'`);
  const [, unit] = /^(?:([kmgtp])(?:i?b)?|b)?$/i.exec(suffix) ?? invalidSuffix(suffix);
  const power = unit === undefined ? 0 : "kmgtp".indexOf(unit.toLowerCase()) + 1;
  return Math.trunc(Number(number) * base ** power);
}

function invalidSuffix(suffix: string): never {
  throw new Error(`invalid suffix: '${suffix}'`);
}

const second = 1;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/** "5 minutes", "About an hour": how Docker rounds an age for people. */
export function formatAge(ageSeconds: number): string {
  const seconds = Math.trunc(ageSeconds);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / minute);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / hour);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(seconds / year)} years`;
}

const nanoseconds = new Map([
  ["ns", 1],
  ["us", 1e3],
  ["µs", 1e3],
  ["μs", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
  ["m", 60e9],
  ["h", 3600e9],
]);

const longestDuration = 2 ** 63;

/** Parses Go's durations (`1h30m`, `500ms`, `-2s`) to nanoseconds. @throws Error in Go's words */
export function parseDuration(text: string): number {
  const quoted = JSON.stringify(text);
  const sign = text.startsWith("-") ? -1 : 1;
  let rest = /^[+-]/.test(text) ? text.slice(1) : text;
  if (rest === "0") return 0;
  let total = 0;
  do {
    const number = /^(?:\d+\.?\d*|\.\d+)/.exec(rest)?.[0];
    if (number === undefined) throw new Error(`time: invalid duration ${quoted}`);
    const unit = /^[^\d.]*/.exec(rest.slice(number.length))![0];
    if (unit === "") throw new Error(`time: missing unit in duration ${quoted}`);
    const size = nanoseconds.get(unit);
    if (size === undefined)
      throw new Error(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`);
    total += Number(number) * size;
    if (total >= longestDuration) throw new Error(`time: invalid duration ${quoted}`);
    rest = rest.slice(number.length + unit.length);
  } while (rest !== "");
  return Math.round(total) * sign;
}

/** As Go prints a duration: `1h30m0s`, `1.5s`, `500ms`. */
export function formatDuration(durationNanoseconds: number): string {
  if (durationNanoseconds === 0) return "0s";
  const sign = durationNanoseconds < 0 ? "-" : "";
  const size = Math.abs(durationNanoseconds);
  if (size < 1e3) return `${sign}${size}ns`;
  if (size < 1e6) return `${sign}${size / 1e3}µs`;
  if (size < 1e9) return `${sign}${size / 1e6}ms`;
  const hours = Math.trunc(size / 3600e9);
  const minutes = Math.trunc((size % 3600e9) / 60e9);
  const rest = `${(size % 60e9) / 1e9}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${sign}${minutes}m${rest}` : sign + rest;
}

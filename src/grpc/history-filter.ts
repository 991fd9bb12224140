import type { Given } from "../buildkit/wire/message.ts";
import { invalid } from "../errors.ts";
import { compileNamePattern } from "../formats/name-pattern.ts";
import { parseDuration } from "../formats/units.ts";
import type { HistoryRecord } from "./history-store.ts";

/** A build of the history. */
export interface KnownBuild {
  record: Given<HistoryRecord>;
  isActive: boolean;
}

type Fits = (build: KnownBuild) => boolean;

/**
 * Any of the filters fits in all its parts, as BuildKit's clients write them: "status==error", "ref~=PATTERN", "repository!=NAME",
 * "startedAt>1h" (later than an hour ago), "completedAt<=2026-01-02T03:04:05Z", "duration>5s".
 * @throws EngineError invalid
 */
export function compileHistoryFilters(filters: readonly string[]): Fits {
  const given = filters.filter((filter) => filter.trim() !== "");
  if (given.length === 0) return () => true;
  const all = given.map((filter) => filter.split(",").map((part) => compilePart(part.trim(), filter)));
  return (build) => all.some((parts) => parts.every((fits) => fits(build)));
}

function compilePart(part: string, filter: string): Fits {
  const [, field = "", operator = "", value = ""] = /^([a-zA-Z]+)(==|!=|~=|>=|<=|>|<)(.*)$/s.exec(part) ?? [];
  const text = texts.get(field);
  const moment = moments.get(field);
  if (text && ["==", "!=", "~="].includes(operator)) return compileText(text, operator, value);
  if (moment && [">", ">=", "<", "<="].includes(operator)) {
    const bound = field === "duration" ? readDuration(value, filter) : readTime(value, filter);
    const compare = comparisons.get(operator) as Compare;
    return (build) => {
      const found = moment(build);
      return found !== undefined && compare(found, bound);
    };
  }
  throw invalid(`failed to parse history filters ${JSON.stringify(filter)}: use ${usage}`);
}

const usage =
  "status, ref and repository with ==, != or ~=, and startedAt, completedAt and duration with >, >=, < or <=";

function compileText(read: (build: KnownBuild) => string, operator: string, value: string): Fits {
  if (operator === "~=") {
    const fits = compileNamePattern(value);
    return (build) => fits(read(build));
  }
  return (build) => (read(build) === value) === (operator === "==");
}

const texts = new Map<string, (build: KnownBuild) => string>([
  ["ref", ({ record }) => record.ref ?? ""],
  ["status", statusOf],
  [
    "repository",
    ({ record: { frontendAttrs } }) =>
      frontendAttrs?.get("vcs:source") || (frontendAttrs?.get("context") ?? ""),
  ],
]);

function statusOf({ record: { error }, isActive }: KnownBuild): string {
  if (isActive) return "running";
  if (!error) return "completed";
  return /context canceled$/.test(error.message ?? "") ? "canceled" : "error";
}

/** In milliseconds: since the epoch, or of a duration. */
const moments = new Map<string, (build: KnownBuild) => number | undefined>([
  ["startedAt", ({ record }) => millisecondsOf(record.createdAt)],
  ["completedAt", ({ record, isActive }) => (isActive ? undefined : millisecondsOf(record.completedAt))],
  [
    "duration",
    ({ record, isActive }) => {
      const [from, to] = [millisecondsOf(record.createdAt), millisecondsOf(record.completedAt)];
      if (from === undefined) return undefined;
      if (isActive) return Date.now() - from;
      return to === undefined ? undefined : to - from;
    },
  ],
]);

type Time = HistoryRecord["createdAt"];
const millisecondsOf = (time: Given<Time>) =>
  time ? (time.seconds ?? 0) * 1000 + (time.nanos ?? 0) / 1e6 : undefined;

type Compare = (a: number, b: number) => boolean;
const comparisons = new Map<string, Compare>([
  [">", (a, b) => a > b],
  [">=", (a, b) => a >= b],
  ["<", (a, b) => a < b],
  ["<=", (a, b) => a <= b],
]);

function readDuration(value: string, filter: string): number {
  try {
    return parseDuration(value) / 1e6;
  } catch (error) {
    throw invalid(
      `failed to parse history filters ${JSON.stringify(filter)}: invalid duration ${value}`,
      error,
    );
  }
}

/** So long ago, or RFC 3339. */
function readTime(value: string, filter: string): number {
  if (/^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(Date.parse(value))) return Date.parse(value);
  return Date.now() - readDuration(value, filter);
}

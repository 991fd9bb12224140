import { invalid } from "../errors.ts";
import { parseGoBool } from "./go-bool.ts";
import { isObject } from "./json.ts";

/** Filters of a list request: values by key. All values of a key are alternatives, different keys narrow. */
export type Filters = Map<string, string[]>;

const mostFilterValues = 1000;

/**
 * Parses the `filters` query parameter: JSON of lists, or of sets `{"key": {"value": true}}` as old clients send.
 * @throws EngineError invalid for anything else and for a key that is not `allowed`
 */
export function parseFilters(text: string | undefined | null, allowed?: readonly string[]): Filters {
  if (!text) return new Map();
  const filters: Filters = new Map();
  for (const [key, value] of Object.entries(parseObject(text))) {
    const values = readValues(value);
    if (allowed && !allowed.includes(key)) throw invalid(`invalid filter '${key}'`);
    if (values.length > mostFilterValues) throw invalid(`invalid filter '${key}': too many values`);
    filters.set(key, values);
  }
  return filters;
}

function readValues(value: unknown): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  if (isObject(value) && Object.values(value).every((item) => typeof item === "boolean")) {
    return Object.keys(value);
  }
  throw invalid("invalid filter");
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  throw invalid("invalid filter");
}

/** Whether labels fit every "key" or "key=value" of a filter `label`. */
export function matchesLabels(filters: Filters, labels: Record<string, string> | null): boolean {
  return hasAll(labels, filters.get("label"));
}

/** The same where there may be a filter `label!` as well: they are not to fit all of that together. */
export function fitsLabels(filters: Filters, labels: Record<string, string> | null): boolean {
  return matchesLabels(filters, labels) && !(filters.has("label!") && hasAll(labels, filters.get("label!")));
}

const hasAll = (labels: Record<string, string> | null, wanted: string[] = []) =>
  wanted.every((one) => hasLabel(labels, one));

/** @param wanted "key" or "key=value" */
function hasLabel(labels: Record<string, string> | null, wanted: string): boolean {
  const end = wanted.indexOf("=");
  const name = end < 0 ? wanted : wanted.slice(0, end);
  if (labels === null || !Object.hasOwn(labels, name)) return false;
  return end < 0 || labels[name] === wanted.slice(end + 1);
}

/**
 * The value of a filter that a prune takes only one of: of two it could not be said which is to count, and more would go than was meant.
 * @throws EngineError invalid in Docker's words
 */
export function onlyUntil(filters: Filters): string | undefined {
  const values = filters.get("until") ?? [];
  if (values.length > 1) throw invalid("more than one until filter specified");
  return values[0];
}

/** A filter that is true or false. @throws EngineError invalid */
export function flagOf(filters: Filters, key: string): boolean | undefined {
  const value = filters.get(key)?.[0];
  if (value === undefined) return undefined;
  const flag = parseGoBool(value);
  if (flag === undefined) throw invalid(`invalid filter '${key}=[${value}]'`);
  return flag;
}

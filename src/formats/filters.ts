import { invalid } from "../errors.ts";

/** Filters of a list request: values by key. All values of a key are alternatives, different keys narrow. */
export type Filters = Map<string, string[]>;

/**
 * Parses the `filters` query parameter: JSON of lists, or of sets `{"key": {"value": true}}` as old clients send.
 * @throws EngineError invalid for anything else and for a key that is not `allowed`
 */
export function parseFilters(text: string | undefined | null, allowed: readonly string[]): Filters {
  if (!text) return new Map();
  const filters: Filters = new Map();
  for (const [key, value] of Object.entries(parseObject(text))) {
    if (!allowed.includes(key)) throw invalid(`invalid filter '${key}'`);
    if (typeof value !== "object" || value === null)
      throw invalid(`invalid filter '${key}=[${String(value)}]'`);
    filters.set(key, Array.isArray(value) ? value.map(String) : Object.keys(value));
  }
  return filters;
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below.
  }
  throw invalid("invalid filters: not a JSON object");
}

/** Whether labels fit every "key" or "key=value" of a label filter. */
export function matchesLabels(
  filters: Filters,
  labels: Record<string, string> | null,
  key = "label",
): boolean {
  return (filters.get(key) ?? []).every((wanted) => {
    const end = wanted.indexOf("=");
    if (end < 0) return labels !== null && wanted in labels;
    return labels?.[wanted.slice(0, end)] === wanted.slice(end + 1);
  });
}

/** A filter that is true or false. @throws EngineError invalid */
export function flagOf(filters: Filters, key: string): boolean | undefined {
  const value = filters.get(key)?.[0];
  if (value === undefined) return undefined;
  if (["1", "true", "True", "TRUE", "t", "T"].includes(value)) return true;
  if (["0", "false", "False", "FALSE", "f", "F"].includes(value)) return false;
  throw invalid(`invalid filter '${key}=[${value}]'`);
}

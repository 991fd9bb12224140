import { invalid } from "../../errors.ts";

/** Filters of a record's fields, as Docker's API and daemon.json write them. */
const fields = ["id", "parent", "type", "description", "inuse", "shared", "private"];

/** All that may be filtered by. */
export const dockerFilterNames = ["until", "unused-for", ...fields, "label", "label!"];

type Given = ReadonlyMap<string, Iterable<string>>;

/**
 * As `compileFilters` reads them: all have to fit. Without times.
 * @throws EngineError invalid in Docker's words where a field has two values, which no record has
 */
export function filtersOfDocker(given: Given): string[] {
  const wanted = fields.flatMap((name) => {
    const value = onlyValue(given.get(name));
    return value === undefined ? [] : `${name}==${value}`;
  });
  return wanted.length > 0 ? [wanted.join(",")] : [];
}

/**
 * Since when, or for how long, a record is to have been unused: by the one name or the other.
 * @throws EngineError invalid in Docker's words where it is said twice
 */
export function unusedOfDocker(given: Given): string | undefined {
  const until = onlyValue(given.get("until"));
  const unused = onlyValue(given.get("unused-for"));
  if (until !== undefined && unused !== undefined)
    throw invalid('conflicting filters: "until" and "unused-for"');
  return until ?? unused;
}

function onlyValue(values: Iterable<string> = []): string | undefined {
  const [value, ...others] = values;
  if (others.length > 0) throw invalid("filters expect only one value");
  return value;
}

/** Filters of a record's fields, as Docker's API and daemon.json write them. */
const fields = ["id", "parent", "type", "description", "inuse", "shared", "private"];

/** All that may be filtered by. */
export const dockerFilterNames = ["until", "unused-for", ...fields, "label", "label!"];

/** As `compileFilters` reads them: all have to fit. Without times. */
export function filtersOfDocker(given: ReadonlyMap<string, Iterable<string>>): string[] {
  const wanted = fields.flatMap((name) => [...(given.get(name) ?? [])].map((value) => `${name}==${value}`));
  return wanted.length > 0 ? [wanted.join(",")] : [];
}

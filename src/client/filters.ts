/** FilterValues as the API takes them: a name to the values any of which may match. */
export type FilterValues = Record<string, readonly string[]>;

export function encodeFilters(filters: FilterValues | undefined): string | undefined {
  return filters === undefined || Object.keys(filters).length === 0 ? undefined : JSON.stringify(filters);
}

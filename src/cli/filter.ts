import type { FilterValues } from "../client/filters.ts";
import { repeated } from "./flag.ts";

/** `--filter key=value`. */
export const filterFlag = (help: string, short = "f") =>
  repeated(short, help, "filter", (text) => {
    if (!text.includes("=")) throw new Error("bad format of filter (expected name=value)");
    return text;
  });

/** `["label=a=b", "label=c"]` → `{ label: ["a=b", "c"] }`. */
export function toFilters(texts: readonly string[]): FilterValues {
  const filters: Record<string, string[]> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    const name = text.slice(0, at).trim().toLowerCase();
    filters[name] = [...(filters[name] ?? []), text.slice(at + 1).trim()];
  }
  return filters;
}

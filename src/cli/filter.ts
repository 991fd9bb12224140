import type { FilterValues } from "../client/filters.ts";
import type { Cli } from "./cli.ts";
import { repeated } from "./flag.ts";

/** `--filter key=value`; an empty one filters nothing. */
export const filterFlag = (help: string, short = "f") =>
  repeated(short, help, "filter", (text) => {
    if (text !== "" && !text.includes("=")) throw new Error("bad format of filter (expected name=value)");
    return text;
  });

/** `["label=a=b", "label=c"]` → `{ label: ["a=b", "c"] }`. */
export function toFilters(texts: readonly string[]): FilterValues {
  const filters: Record<string, string[]> = {};
  for (const text of texts) {
    if (text === "") continue;
    const at = text.indexOf("=");
    const name = text.slice(0, at).trim().toLowerCase();
    filters[name] = [...(filters[name] ?? []), text.slice(at + 1).trim()];
  }
  return filters;
}

const contraries: Readonly<Record<string, string>> = { label: "label!", "label!": "label" };

/** The line's, and those of config.json's `pruneFilters` but for a label whose contrary is there already. */
export function toPruneFilters({ config }: Cli, texts: readonly string[]): FilterValues {
  const filters: Record<string, readonly string[]> = toFilters(texts);
  for (const text of config.pruneFilters ?? []) {
    const [name = "", value] = text.split(/=(.*)/s);
    if (value === undefined || filters[contraries[name] ?? ""]?.includes(value)) continue;
    filters[name] = [...new Set([...(filters[name] ?? []), value])];
  }
  return filters;
}

import { invalid } from "../../errors.ts";

const flags = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((word) => [word, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((word) => [word, false] as const),
]);

/** An attribute of an exporter or a cache, in Go's words for it. @param otherwise where it is not given, or empty @throws invalid */
export function readFlag(attrs: ReadonlyMap<string, string>, name: string, otherwise: boolean): boolean {
  const given = attrs.get(name) ?? "";
  if (given === "") return otherwise;
  const flag = flags.get(given);
  if (flag === undefined) throw invalid(`non-boolean value ${JSON.stringify(given)} specified for ${name}`);
  return flag;
}

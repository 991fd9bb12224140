import { invalid } from "../errors.ts";

/** Where a value stands, from the inside out. The members of one struct are read with the same place, whose name changes. */
export type Path = { readonly name: string | number; readonly up: Path } | { readonly root: string };
export type Place = { name: string | number; readonly up: Path };

/** A value that is not of the type it should be, in Go's words. */
export function mismatch(value: unknown, type: string, path: Path, kind = kindOf(value)): Error {
  const where = describePath(path);
  const target =
    where === "" ? "Go value" : typeof lastName(path) === "number" ? where : `Go struct field ${where}`;
  return invalid(`json: cannot unmarshal ${kind} into ${target} of type ${type}`);
}

export function tooLarge(path: Path, why: string): Error {
  return invalid(`${describePath(path) || "value"} has ${why}`.replace("has longer", "is longer"));
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

function lastName(path: Path): string | number {
  return "name" in path ? path.name : "";
}

/** ".HostConfig.PortBindings.80~1tcp.0", the names escaped as in a JSON pointer. */
function describePath(path: Path): string {
  if ("root" in path) return "";
  const names: (string | number)[] = [];
  let at: Path = path;
  for (; "name" in at; at = at.up) names.unshift(at.name);
  const escaped = names.map((name) => String(name).slice(0, 128).replaceAll("~", "~0").replaceAll("/", "~1"));
  return `${at.root}.${escaped.join(".")}`;
}

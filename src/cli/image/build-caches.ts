import { resolve } from "node:path";
import { ownIndexAttribute } from "../../buildkit/messages/content.ts";
import type { BuildCaches } from "../../client/build/build.ts";
import { findTagged } from "../../client/build/content-store.ts";
import { parseCsvLine } from "../../formats/csv.ts";
import { ExitError } from "../command.ts";

type Entry = BuildCaches["imports"][number];

/** @param from values of `--cache-from`, `to` of `--cache-to`: "type=local,dest=PATH", or a reference alone @throws ExitError */
export function cachesOf(from: readonly string[], to: readonly string[]): BuildCaches {
  const exports = to.map(parseEntry);
  const tags = new Map<string, string>();
  for (const { type, attrs } of exports) {
    if (type !== "local") continue;
    const folder = pathOf(attrs, "dest", "exporter");
    tags.set(folder, attrs.get("tag") ?? "latest");
    attrs.set(ownIndexAttribute, "true");
  }
  const sources = from.map(parseEntry);
  for (const { type, attrs } of sources) {
    if (type !== "local") continue;
    const folder = pathOf(attrs, "src", "importer");
    const digest = attrs.get("digest") ?? findTagged(folder, attrs.get("tag") ?? "latest");
    if (digest !== undefined) attrs.set("digest", digest);
  }
  return { imports: sources, exports, tags };
}

function pathOf(attrs: Map<string, string>, name: "src" | "dest", role: string): string {
  const given = attrs.get(name) ?? "";
  if (given === "") throw new ExitError(1, `local cache ${role} requires ${name}`);
  attrs.set(name, resolve(given));
  return resolve(given);
}

function parseEntry(text: string): Entry {
  const fields = parseCsvLine(text);
  const [only = ""] = fields;
  if (fields.length === 1 && !only.includes("="))
    return { type: "registry", attrs: new Map([["ref", only]]) };
  const attrs = new Map<string, string>();
  for (const field of fields) {
    const equals = field.indexOf("=");
    if (equals < 0) throw new ExitError(1, `invalid value ${field}: must be a key=value pair`);
    attrs.set(field.slice(0, equals).toLowerCase(), field.slice(equals + 1));
  }
  const type = attrs.get("type") ?? "";
  if (type === "") throw new ExitError(1, `type required form> ${JSON.stringify(text)}`);
  attrs.delete("type");
  return { type, attrs };
}

import { createHash } from "node:crypto";
import { compileIgnorePatterns } from "../../formats/ignore-patterns.ts";
import { type ByteString, textOfBytes } from "../../formats/tar/tar-entry.ts";
import type { ContextEntry } from "../context/entry.ts";
import { type SourceTree, walkSource } from "../context/source-tree.ts";
import { findParents, type Selection, selectSources, splitPivot } from "./select-sources.ts";

/**
 * What a step that copies from a tree depends on: names, kinds, owners, modes, attributes and content; no times.
 * @throws EngineError notFound when something that is selected is not there
 */
export function checksumSources(
  tree: SourceTree,
  selections: readonly Selection[],
  exclude: readonly string[],
): string {
  const hash = createHash("sha256");
  const patterns = compileIgnorePatterns(exclude);
  const skips = (path: string) => exclude.length > 0 && patterns.isIgnored(textOfBytes(path));
  const add = (name: string, entry: ContextEntry) => hash.update(`${describe(tree, name, entry)}\n`);
  for (const selection of selections) {
    /** Directories on the way that have been taken in. */
    const taken = new Set<string>();
    for (const { named, path } of selectSources(tree, selection)) {
      const entry = tree.find(path);
      if (!entry) continue;
      const base = selection.withParents ? splitPivot(named).below : "";
      if (base !== "" && skips(base) && !patterns.mayHoldException(textOfBytes(base))) continue;
      for (const parent of selection.withParents ? findParents(tree, named) : []) {
        if (taken.has(parent.entry.path)) continue;
        taken.add(parent.entry.path);
        add(parent.below, parent.entry);
      }
      add(named, entry);
      if (entry.type !== "directory") continue;
      const relative = (below: string) => (path === "" ? below : below.slice(path.length + 1));
      const placed = (below: string) => (base === "" ? relative(below) : `${base}/${relative(below)}`);
      const enters = (below: string) =>
        !skips(placed(below)) || patterns.mayHoldException(textOfBytes(placed(below)));
      for (const one of walkSource(tree, path, enters)) {
        if (!skips(placed(one.path))) add(`${named}/${relative(one.path)}`, one);
      }
    }
  }
  return hash.digest("hex");
}

function describe(tree: SourceTree, name: string, entry: ContextEntry): string {
  const { type, mode, uid, gid, linkName, deviceMajor, deviceMinor, xattrs } = entry;
  const content = type === "file" ? digestOfFile(tree, entry.path) : "";
  const attributes = [...(xattrs ?? [])].map(([key, value]) => [key, value.toString("base64")]).sort();
  return JSON.stringify([
    name,
    type,
    mode,
    uid,
    gid,
    linkName,
    deviceMajor,
    deviceMinor,
    attributes,
    content,
  ]);
}

function digestOfFile(tree: SourceTree, path: ByteString): string {
  const known = tree.contentDigest(path);
  if (known !== undefined) return known;
  const hash = createHash("sha256");
  for (const piece of tree.read(path)) hash.update(piece);
  return hash.digest("hex");
}

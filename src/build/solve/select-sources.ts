import { notFound } from "../../errors.ts";
import { compileDeepGlob } from "../../formats/deep-glob.ts";
import { compileGlob } from "../../formats/glob.ts";
import { type ByteString, bytesOfText, textOfBytes } from "../../formats/tar/tar-entry.ts";
import type { ContextEntry } from "../context/entry.ts";
import { resolvePath, type SourceTree, walkSource } from "../context/source-tree.ts";

/** What of a tree is copied. */
export interface Selection {
  /** From the tree's root, with `*`, `?` and sets as Go's filepath.Match has them; "" for the root. */
  pattern: string;
  /** Patterns are meant. */
  hasWildcards: boolean;
  /** None need match. */
  mayBeEmpty?: boolean;
  /** `--parents`: the directories on the way count too, and `**` is any number of them behind the pivot, which is `/./`. */
  withParents?: boolean;
}

/** A path that was selected. */
export interface Selected {
  /** As it was named: what it is called where it is copied to. */
  named: ByteString;
  /** Where it is, all links followed; with `--parents`, not one that is selected itself. */
  path: ByteString;
}

/** @throws EngineError notFound, in BuildKit's words */
export function selectSources(tree: SourceTree, selection: Selection): Selected[] {
  const pattern = bytesOfText(selection.pattern);
  const selected = select(tree, pattern, selection);
  if (selected.length === 0 && !selection.mayBeEmpty) throw notFound(`"/${textOfBytes(pattern)}": not found`);
  return selected;
}

function select(tree: SourceTree, pattern: ByteString, { hasWildcards, withParents }: Selection): Selected[] {
  if (withParents) return hasWildcards ? expandDeep(tree, pattern) : findLast(tree, pattern);
  return hasWildcards ? expand(tree, pattern) : findOne(tree, pattern);
}

/** A link that is named last is meant itself. */
function findLast(tree: SourceTree, named: ByteString): Selected[] {
  const name = splitPivot(named).below.split("/").at(-1) ?? "";
  if (name === "") return findOne(tree, named);
  const directory = resolvePath(tree, named.slice(0, -name.length));
  const path = directory ? `${directory}/${name}` : name;
  return directory !== undefined && tree.find(path) ? [{ named, path }] : [];
}

function findOne(tree: SourceTree, named: ByteString): Selected[] {
  const path = resolvePath(tree, named);
  return path !== undefined && tree.find(path) ? [{ named, path }] : [];
}

function expand(tree: SourceTree, pattern: ByteString): Selected[] {
  let found: Selected[] = [{ named: "", path: "" }];
  for (const part of pattern.split("/")) {
    const next: Selected[] = [];
    const fits = hasWildcard(part) ? compileGlob(charactersOf(part)) : undefined;
    for (const { named, path } of found) {
      const names = fits ? tree.list(path).filter((name) => fits(charactersOf(name))) : [part];
      for (const name of names) {
        const below = named === "" ? name : `${named}/${name}`;
        next.push(...findOne(tree, below));
      }
    }
    found = next;
  }
  return found;
}

const utf8Characters =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|[\x80-\xff]/g;

/** As Go counts them: of what is no UTF-8 each byte is one of its own. */
function charactersOf(name: ByteString): string {
  return name.replace(utf8Characters, (one) => (one.length === 1 ? "\ufffd" : textOfBytes(one)));
}

/** What fits behind the pivot, as it is: as with BuildKit, no link is followed there. Of a directory that fits all is meant. */
function expandDeep(tree: SourceTree, pattern: ByteString): Selected[] {
  const { start, below } = splitPivot(pattern);
  const glob = compileDeepGlob(textOfBytes(below));
  const starts = hasWildcard(start) ? expand(tree, start) : findOne(tree, start);
  if (starts.length === 0 && !hasWildcard(start)) throw notFound(`"/${textOfBytes(start)}": not found`);
  const found: Selected[] = [];
  for (const { named, path } of starts) {
    if (tree.find(path)?.type !== "directory") continue;
    const relative = (one: ByteString) => textOfBytes(path === "" ? one : one.slice(path.length + 1));
    const fits = (one: ByteString) => glob.findFits(relative(one)).has(relative(one).length);
    const enters = (one: ByteString) => !fits(one) && glob.mayFitBelow(relative(one));
    for (const entry of walkSource(tree, path, enters)) {
      if (!fits(entry.path)) continue;
      const name = path === "" ? entry.path : entry.path.slice(path.length + 1);
      found.push({ named: start === "" ? name : `${named}/./${name}`, path: entry.path });
    }
  }
  return found;
}

/** What of a path `--parents` keeps is behind `/./`, if it has one. */
export function splitPivot(named: ByteString): { start: ByteString; below: ByteString } {
  const pivot = `/${named}`.indexOf("/./");
  if (pivot < 0) return { start: "", below: named };
  return { start: named.slice(0, Math.max(pivot - 1, 0)), below: `/${named}`.slice(pivot + 3) };
}

/** The directories on the way to a path, by their names behind the pivot. */
export function* findParents(
  tree: SourceTree,
  named: ByteString,
): Generator<{ below: ByteString; entry: ContextEntry }> {
  const { start, below } = splitPivot(named);
  const names = below.split("/").slice(0, -1);
  for (let depth = 1; depth <= names.length; depth++) {
    const parent = names.slice(0, depth).join("/");
    const path = resolvePath(tree, start === "" ? parent : `${start}/${parent}`);
    const entry = path === undefined ? undefined : tree.find(path);
    if (entry?.type === "directory") yield { below: parent, entry };
  }
}

export function hasWildcard(path: string): boolean {
  return /[*?[\\]/.test(path);
}

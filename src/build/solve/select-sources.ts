import { notFound } from "../../errors.ts";
import { compileGlob } from "../../formats/glob.ts";
import { type ByteString, bytesOfText, textOfBytes } from "../../formats/tar/tar-entry.ts";
import { resolvePath, type SourceTree } from "../context/source-tree.ts";

/** What of a tree is copied. */
export interface Selection {
  /** From the tree's root, with `*`, `?` and sets as Go's filepath.Match has them; "" for the root. */
  pattern: string;
  /** Patterns are meant. */
  hasWildcards: boolean;
  /** None need match. */
  mayBeEmpty?: boolean;
}

/** A path that was selected. */
export interface Selected {
  /** As it was named: what it is called where it is copied to. */
  named: ByteString;
  /** Where it is, all links followed. */
  path: ByteString;
}

/** @throws EngineError notFound, in BuildKit's words */
export function selectSources(tree: SourceTree, selection: Selection): Selected[] {
  const pattern = bytesOfText(selection.pattern);
  const selected = selection.hasWildcards ? expand(tree, pattern) : findOne(tree, pattern);
  if (selected.length === 0 && !selection.mayBeEmpty) throw notFound(`"/${textOfBytes(pattern)}": not found`);
  return selected;
}

function findOne(tree: SourceTree, named: ByteString): Selected[] {
  const path = resolvePath(tree, named);
  return path !== undefined && tree.find(path) ? [{ named, path }] : [];
}

function expand(tree: SourceTree, pattern: ByteString): Selected[] {
  let found: Selected[] = [{ named: "", path: "" }];
  for (const part of pattern.split("/")) {
    const next: Selected[] = [];
    const fits = hasWildcard(part) ? compileGlob(part) : undefined;
    for (const { named, path } of found) {
      const names = fits ? tree.list(path).filter(fits) : [part];
      for (const name of names) {
        const below = named === "" ? name : `${named}/${name}`;
        next.push(...findOne(tree, below));
      }
    }
    found = next;
  }
  return found;
}

export function hasWildcard(path: string): boolean {
  return /[*?[\\]/.test(path);
}

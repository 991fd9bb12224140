import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join, posix } from "node:path";
import type { FileStat } from "../../buildkit/messages/filesync.ts";
import type { Given } from "../../buildkit/wire/message.ts";
import { compileGlob } from "../../formats/glob.ts";
import { encodeGoFileMode } from "../../formats/go-file-mode.ts";
import { compileIgnorePatterns } from "../../formats/ignore-patterns.ts";

/** What of a directory goes to a builder. */
export interface DirectoryFilter {
  /** These paths alone, with all that they lead to; all without. They may hold wildcards. */
  followPaths: readonly string[];
  excludePatterns: readonly string[];
}

/** An entry as the builder gets it, with the path of its file. */
export interface ListedEntry {
  stat: Given<FileStat>;
  path: string;
  isFile: boolean;
}

/** Entries of a directory in the order in which they go: each directory before what is in it, names by their bytes. */
export function* listContext(root: string, filter: DirectoryFilter): Generator<ListedEntry> {
  const ignored = compileIgnorePatterns(filter.excludePatterns);
  const isWanted = followed(root, filter.followPaths);
  /** Directories that have not been sent yet: they are when something in them is. */
  const pending: ListedEntry[] = [];
  const linked = new Map<string, string>();

  function* walk(directory: string): Generator<ListedEntry> {
    for (const name of namesIn(join(root, directory))) {
      const path = directory === "" ? name : `${directory}/${name}`;
      const stats = lstatSync(join(root, path), { bigint: true, throwIfNoEntry: false });
      if (!stats || stats.isSocket() || !isWanted(path)) continue;
      const isIgnored = ignored.isIgnored(path);
      if (isIgnored && !(stats.isDirectory() && ignored.mayHoldException(path))) continue;
      const entry = describe(root, path, stats, linked);
      if (!stats.isDirectory()) {
        if (isIgnored) continue;
        yield* pending.splice(0);
        yield entry;
        continue;
      }
      pending.push(entry);
      if (!isIgnored) yield* pending.splice(0);
      yield* walk(path);
      if (pending.at(-1) === entry) pending.pop();
    }
  }
  yield* walk("");
}

function namesIn(directory: string): string[] {
  const names = readdirSync(directory);
  return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

const nanoseconds = 1_000_000_000n;

function describe(root: string, path: string, stats: BigIntStats, linked: Map<string, string>): ListedEntry {
  const full = join(root, path);
  const identity = `${stats.dev}:${stats.ino}`;
  const first = stats.isFile() && stats.nlink > 1n ? linked.get(identity) : undefined;
  if (stats.isFile() && stats.nlink > 1n && first === undefined) linked.set(identity, path);
  const linkname = stats.isSymbolicLink() ? readlinkSync(full) : (first ?? "");
  return {
    path: full,
    isFile: stats.isFile() && first === undefined,
    stat: {
      path,
      mode: encodeGoFileMode(Number(stats.mode)),
      size: stats.isFile() ? Number(stats.size) : 0,
      modTime: (stats.mtimeNs / nanoseconds) * nanoseconds + (stats.mtimeNs % nanoseconds),
      linkname,
    },
  };
}

/** Whether a path is one that is followed, is above one, or below. Links on the way, and what they lead to, are followed too. */
function followed(root: string, paths: readonly string[]): (path: string) => boolean {
  if (paths.length === 0 || paths.some((path) => posix.join("/", path) === "/")) return () => true;
  const [wanted, above] = [new Set<string>(), new Set<string>()];
  const follow = (path: string, depth: number) => {
    for (const one of expand(root, posix.join("/", path).slice(1))) {
      for (const part of prefixes(one)) above.add(part);
      const target = resolveFirstLink(root, one);
      wanted.add(target?.link ?? one);
      if (target && depth < 40) follow(target.path, depth + 1);
    }
  };
  for (const path of paths) follow(path, 0);
  return (path) => above.has(path) || wanted.has(path) || prefixes(path).some((part) => wanted.has(part));
}

function prefixes(path: string): string[] {
  const names = path.split("/");
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}

/** The paths that a pattern stands for; itself when it has no wildcards. */
function expand(root: string, pattern: string): string[] {
  if (!/[*?[]/.test(pattern)) return [pattern];
  let found = [""];
  for (const part of pattern.split("/")) {
    const fits = /[*?[]/.test(part) ? compileGlob(part) : undefined;
    found = found.flatMap((directory) => {
      const below = (name: string) => (directory === "" ? name : `${directory}/${name}`);
      if (!fits) return [below(part)];
      try {
        return namesIn(join(root, directory)).filter(fits).map(below);
      } catch {
        return [];
      }
    });
  }
  return found;
}

/** The first link on the way, and where the path leads instead. */
function resolveFirstLink(root: string, path: string): { link: string; path: string } | undefined {
  for (const part of prefixes(path)) {
    const stats = lstatSync(join(root, part), { throwIfNoEntry: false });
    if (!stats?.isSymbolicLink()) continue;
    const target = readlinkSync(join(root, part));
    const rest = path.slice(part.length);
    const base = target.startsWith("/") ? target : posix.join(posix.dirname(part), target);
    return { link: part, path: posix.join("/", base, rest).slice(1) };
  }
  return undefined;
}

import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join, posix } from "node:path";
import type { FileStat } from "../../buildkit/messages/filesync.ts";
import type { Given } from "../../buildkit/wire/message.ts";
import { compileDeepGlob, type DeepGlob } from "../../formats/deep-glob.ts";
import { compileGlob } from "../../formats/glob.ts";
import { encodeGoFileMode } from "../../formats/go-file-mode.ts";
import { compileIgnorePatterns } from "../../formats/ignore-patterns.ts";

/** What of a directory goes to a builder. */
export interface DirectoryFilter {
  /** These paths alone, with all that they lead to; all without. They may hold wildcards, and `**` is any directories. */
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
  const wantedOf = followed(root, filter.followPaths);
  /** Directories that have not been sent yet: they are when something in them is. */
  const pending: ListedEntry[] = [];
  const linked = new Map<string, string>();

  function* walk(directory: string): Generator<ListedEntry> {
    for (const name of namesIn(join(root, directory))) {
      const path = directory === "" ? name : `${directory}/${name}`;
      const stats = lstatSync(join(root, path), { bigint: true, throwIfNoEntry: false });
      if (!stats || stats.isSocket()) continue;
      const wanted = wantedOf(path, stats.isDirectory());
      if (wanted === "no") continue;
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
      if (!isIgnored && wanted === "yes") yield* pending.splice(0);
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

/** Of a directory that something may be wanted in: nothing else of it is. */
type Wanted = "yes" | "no" | "for what is in it";

/** Whether a path is one that is followed, is above one, or below. Links on the way, and what they lead to, are followed too. */
function followed(root: string, paths: readonly string[]): (path: string, isDirectory: boolean) => Wanted {
  const patterns = paths.map((path) => posix.join("/", path).slice(1));
  if (patterns.length === 0 || patterns.includes("")) return () => "yes";
  const [wanted, above] = [new Set<string>(), new Set<string>()];
  const deep: DeepGlob[] = [];
  const follow = (path: string, depth: number) => {
    const names = path.split("/");
    const first = names.findIndex((name) => name.includes("**"));
    const [front, rest] = first < 0 ? [path, []] : [names.slice(0, first).join("/"), names.slice(first)];
    // What fits it is found on the way: only the links in front of it are to be followed.
    if (first >= 0) deep.push(compileDeepGlob(path));
    for (const one of expand(root, front)) {
      const target = resolveFirstLink(root, one);
      if (!target && first >= 0) continue;
      for (const part of prefixes(one)) above.add(part);
      wanted.add(target?.link ?? one);
      if (target && depth < 40) follow(posix.join(target.path, ...rest), depth + 1);
    }
  };
  for (const pattern of patterns) follow(pattern, 0);
  return (path, isDirectory) => {
    if (above.has(path) || prefixes(path).some((part) => wanted.has(part))) return "yes";
    if (deep.some((glob) => glob.findFits(path).size > 0)) return "yes";
    return isDirectory && deep.some((glob) => glob.mayFitBelow(path)) ? "for what is in it" : "no";
  };
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
    if (!stats) return undefined;
    if (!stats.isSymbolicLink()) {
      if (!stats.isDirectory()) return undefined;
      continue;
    }
    const target = readlinkSync(join(root, part));
    const rest = path.slice(part.length);
    const base = target.startsWith("/") ? target : posix.join(posix.dirname(part), target);
    return { link: part, path: posix.join("/", base, rest).slice(1) };
  }
  return undefined;
}

import { type BigIntStats, constants, lstatSync, readlinkSync } from "node:fs";
import { EngineError, forbidden, hasCode, invalid, notFound } from "../../errors.ts";
import type { PathStat } from "../../formats/docker-api/docker-api-system.ts";
import { encodeGoFileMode } from "../../formats/go-file-mode.ts";
import { type ByteString, bytesOfText, textOfBytes } from "../../formats/tar/tar-entry.ts";
import { closeDescriptor, entryPath, openInRoot, pathFlag } from "../../sys/safe-path.ts";
import type { ContainerFiles } from "./archive-job.ts";

/** A path in a container that was found; its last component is not followed if it is a link. */
export interface FoundPath {
  /** Without dots and slashes at its ends: "" for the root. */
  path: ByteString;
  /** The last component as the user gave it: ".", "/" for the root. */
  name: ByteString;
  stats: BigIntStats;
}

const linkLimit = 255;

/**
 * Finds `path` as `docker cp` reads it: a link at its end is meant itself, unless a slash or `/.` follows it.
 * @throws notFound in Docker's wording; invalid when a file is where a directory should be
 */
export function findPath(rootFd: number, files: ContainerFiles, path: string): FoundPath {
  const bytes = bytesOfText(path);
  const trailing = /\/\.?$|^\.?$/.test(bytes);
  const parts = lexicalParts(bytes);
  const resolved = trailing ? evaluateLinks(rootFd, parts.join("/")) : undefined;
  const target = resolved ?? joinParent(rootFd, parts);
  const stats = statIn(rootFd, target, files, path);
  if (trailing && !stats.isDirectory()) throw invalid(`${path}: not a directory`);
  const name = /(?:^|\/)\.$/.test(bytes) ? "." : (parts.at(-1) ?? "/");
  return { path: target, name, stats };
}

/** The shape of the `X-Docker-Container-Path-Stat` header. */
export function describePath(rootFd: number, { path, name, stats }: FoundPath): PathStat {
  return {
    name: textOfBytes(name),
    size: Number(stats.size),
    mode: encodeGoFileMode(Number(stats.mode)),
    mtime: formatTime(stats.mtimeNs),
    linkTarget: stats.isSymbolicLink() ? `/${textOfBytes(evaluateLinks(rootFd, path))}` : "",
  };
}

/**
 * Where a path ends when all links are followed inside the root, without a slash at its start. What does not exist stays
 * as it is. For messages only: the container may change it at any time, so opening it resolves it again.
 */
export function evaluateLinks(rootFd: number, path: ByteString): ByteString {
  const done: ByteString[] = [];
  const rest = path.split("/").reverse();
  for (let links = 0; rest.length > 0; ) {
    const part = rest.pop() as ByteString;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    const link = findLink(rootFd, done.join("/"), part);
    if (link === undefined) {
      done.push(part);
      continue;
    }
    links++;
    if (links > linkLimit) throw invalid(`${textOfBytes(path)}: too many links`);
    if (link.startsWith("/")) done.length = 0;
    rest.push(...link.split("/").reverse());
  }
  return done.join("/");
}

function findLink(rootFd: number, directory: ByteString, name: ByteString): ByteString | undefined {
  let fd: number;
  try {
    fd = openInRoot(rootFd, directory, pathFlag | constants.O_DIRECTORY);
  } catch {
    return undefined;
  }
  try {
    return readlinkSync(entryPath(fd, name), { encoding: "latin1" });
  } catch {
    return undefined;
  } finally {
    closeDescriptor(fd);
  }
}

function joinParent(rootFd: number, parts: ByteString[]): ByteString {
  const parent = evaluateLinks(rootFd, parts.slice(0, -1).join("/"));
  const name = parts.at(-1) ?? "";
  return parent === "" ? name : `${parent}/${name}`;
}

function statIn(rootFd: number, target: ByteString, files: ContainerFiles, asked: string): BigIntStats {
  const slash = target.lastIndexOf("/");
  let fd: number | undefined;
  try {
    fd = openInRoot(rootFd, target.slice(0, Math.max(slash, 0)), pathFlag | constants.O_DIRECTORY);
    return lstatSync(entryPath(fd, target.slice(slash + 1) || "."), { bigint: true });
  } catch (error) {
    throw explainMissing(error, files, asked);
  } finally {
    if (fd !== undefined) closeDescriptor(fd);
  }
}

export function explainMissing(error: unknown, { id }: ContainerFiles, asked: string): unknown {
  if (error instanceof EngineError) return error;
  if (hasCode(error, "ENOENT"))
    return notFound(`Could not find the file ${asked} in container ${id ?? ""}`.trim());
  if (hasCode(error, "ENOTDIR")) return invalid(`${asked}: not a directory`, error);
  if (hasCode(error, "EACCES")) return forbidden(`${asked}: permission denied`, error);
  if (hasCode(error, "ELOOP")) return invalid(`${asked}: too many links`, error);
  return error;
}

/** Takes `..` lexically, as Docker does; a container's root has nothing above it. */
export function lexicalParts(path: ByteString): ByteString[] {
  const parts: ByteString[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}

/** RFC 3339 with nanoseconds, as Go writes it. */
function formatTime(nanoseconds: bigint): string {
  const fraction = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = Number((nanoseconds - fraction) / 1_000_000_000n);
  const digits = fraction.toString().padStart(9, "0").replace(/0+$/, "");
  return new Date(seconds * 1000).toISOString().replace(".000Z", digits ? `.${digits}Z` : "Z");
}

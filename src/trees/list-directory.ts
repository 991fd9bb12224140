import { type BigIntStats, constants, lstatSync, readlinkSync } from "node:fs";
import type { ContainerFile } from "../formats/docker-api/docker-api-layers.ts";
import { type ByteString, textOfBytes } from "../formats/tar/tar-entry.ts";
import { closeDescriptor, entryPath, listDirectory, openInRoot, pathFlag } from "../sys/safe-path.ts";
import { fileKind } from "./list-layer.ts";

/** More of a directory is counted, not listed. */
const mostEntries = 10_000;
const modeBits = 0o7777n;
const { O_DIRECTORY } = constants;

export interface DirectoryListing {
  /** By name. */
  entries: ContainerFile[];
  /** How many more there are. */
  more: number;
}

/**
 * What is in a directory of a tree, even while others write to it. Links of the path are followed inside the tree. Synchronous, for a worker
 * thread. @throws SyscallError
 */
export function listInTree(rootFd: number, path: ByteString): DirectoryListing {
  const fd = openInRoot(rootFd, path, pathFlag | O_DIRECTORY);
  try {
    const names = listDirectory(fd);
    return {
      entries: names.slice(0, mostEntries).flatMap((name) => describe(fd, name) ?? []),
      more: Math.max(0, names.length - mostEntries),
    };
  } finally {
    closeDescriptor(fd);
  }
}

/** Undefined when it is gone meanwhile. */
function describe(directoryFd: number, name: ByteString): ContainerFile | undefined {
  const at = entryPath(directoryFd, name);
  let stats: BigIntStats | undefined;
  try {
    stats = lstatSync(at, { bigint: true, throwIfNoEntry: false });
  } catch {
    // Such as what a server is mounted on that has gone.
    const nothing = { Mode: 0, UID: 0, GID: 0, Size: 0, Modified: 0 };
    return { Name: textOfBytes(name), Kind: "unknown", ...nothing };
  }
  if (!stats) return undefined;
  const Kind = fileKind(stats);
  return {
    ...{ Name: textOfBytes(name), Kind, Mode: Number(stats.mode & modeBits) },
    ...{ UID: Number(stats.uid), GID: Number(stats.gid) },
    Size: Kind === "file" ? Number(stats.size) : 0,
    Modified: Math.floor(Number(stats.mtimeMs) / 1000),
    ...(Kind === "link" && { Target: readTarget(at) }),
  };
}

function readTarget(at: string | Buffer): string {
  try {
    return textOfBytes(readlinkSync(at, { encoding: "latin1" }));
  } catch {
    return "";
  }
}

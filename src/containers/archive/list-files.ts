import { constants, lstatSync, readlinkSync } from "node:fs";
import type { ContainerDirectory, ContainerFile } from "../../formats/docker-api/docker-api-layers.ts";
import { type ByteString, textOfBytes } from "../../formats/tar/tar-entry.ts";
import { closeDescriptor, entryPath, listDirectory, openInRoot, pathFlag } from "../../sys/safe-path.ts";
import { fileKind } from "../../trees/list-layer.ts";
import type { ContainerFiles } from "./archive-job.ts";
import { explainMissing, findPath } from "./archive-path.ts";

/** More of a directory is counted, not listed. */
const mostEntries = 10_000;
const modeBits = 0o7777n;

/** What is in a directory of a container. @throws notFound, invalid, forbidden in Docker's words */
export function listFiles(rootFd: number, files: ContainerFiles, path: string): ContainerDirectory {
  const found = findPath(rootFd, files, `${path}/.`);
  let fd: number;
  try {
    fd = openInRoot(rootFd, found.path, pathFlag | constants.O_DIRECTORY);
  } catch (error) {
    throw explainMissing(error, files, path);
  }
  try {
    const names = listDirectory(fd);
    return {
      Path: `/${textOfBytes(found.path)}`,
      Entries: names.slice(0, mostEntries).flatMap((name) => describe(fd, name) ?? []),
      More: Math.max(0, names.length - mostEntries),
    };
  } finally {
    closeDescriptor(fd);
  }
}

/** Undefined when it is gone meanwhile. */
function describe(directoryFd: number, name: ByteString): ContainerFile | undefined {
  const at = entryPath(directoryFd, name);
  const stats = lstatSync(at, { bigint: true, throwIfNoEntry: false });
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

import type { ContainerDirectory, ContainerFile } from "../../formats/docker-api/docker-api-layers.ts";
import { type IdMapping, ownerInside } from "../../formats/id-mapping.ts";
import { textOfBytes } from "../../formats/tar/tar-entry.ts";
import { listInTree } from "../../trees/list-directory.ts";
import type { ContainerFiles } from "./archive-job.ts";
import { explainMissing, findPath } from "./archive-path.ts";

/** What is in a directory of a container. @throws notFound, invalid, forbidden in Docker's words */
export function listFiles(
  rootFd: number,
  files: ContainerFiles,
  path: string,
  mapping: IdMapping | undefined,
): ContainerDirectory {
  const found = findPath(rootFd, files, `${path}/.`);
  try {
    const { entries, more } = listInTree(rootFd, found.path);
    const owned = mapping ? entries.map((entry) => entryAsInside(mapping, entry)) : entries;
    return { Path: `/${textOfBytes(found.path)}`, Entries: owned, More: more };
  } catch (error) {
    throw explainMissing(error, files, path);
  }
}

function entryAsInside(mapping: IdMapping, entry: ContainerFile): ContainerFile {
  const { uid: UID, gid: GID } = ownerInside(mapping, { uid: entry.UID, gid: entry.GID });
  return { ...entry, UID, GID };
}

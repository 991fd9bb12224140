import type { ContainerDirectory } from "../../formats/docker-api/docker-api-layers.ts";
import { textOfBytes } from "../../formats/tar/tar-entry.ts";
import { listInTree } from "../../trees/list-directory.ts";
import type { ContainerFiles } from "./archive-job.ts";
import { explainMissing, findPath } from "./archive-path.ts";

/** What is in a directory of a container. @throws notFound, invalid, forbidden in Docker's words */
export function listFiles(rootFd: number, files: ContainerFiles, path: string): ContainerDirectory {
  const found = findPath(rootFd, files, `${path}/.`);
  try {
    const { entries, more } = listInTree(rootFd, found.path);
    return { Path: `/${textOfBytes(found.path)}`, Entries: entries, More: more };
  } catch (error) {
    throw explainMissing(error, files, path);
  }
}

import { constants } from "node:fs";
import { hasCode, invalid } from "../../errors.ts";
import type { IdMapping } from "../../formats/id-mapping.ts";
import { bytesOfText, type TarEntry } from "../../formats/tar/tar-entry.ts";
import { entryOutside } from "../../formats/tar/translate-owners.ts";
import { closeDescriptor, openInRoot, pathFlag } from "../../sys/safe-path.ts";
import { extractStream } from "../../trees/extract-stream.ts";
import type { ContainerFiles, WriteOptions } from "./archive-job.ts";
import { evaluateLinks, explainMissing, lexicalParts } from "./archive-path.ts";

/**
 * Extracts the plain tar that comes out of `inputFd` into the directory at `path`. Links are followed, never out of the
 * root, even when the container changes them meanwhile. Blocks its thread.
 * @throws notFound, invalid in Docker's wording
 */
export function extractArchive(
  rootFd: number,
  files: ContainerFiles,
  path: string,
  inputFd: number,
  options: WriteOptions,
  mapping: IdMapping | undefined,
): void {
  const base = lexicalParts(bytesOfText(path)).join("/");
  checkIsDirectory(rootFd, files, base, path);
  refuseReadOnly(rootFd, files, base);
  try {
    const owner = options.copyUidGid ? files.user : undefined;
    const translate = (entry: TarEntry) => (mapping ? entryOutside(mapping, { ...entry, ...owner }) : entry);
    extractStream(
      inputFd,
      {
        rootFd,
        base,
        whiteouts: false,
        keepTypes: options.noOverwriteDirNonDir,
        ...(owner && !mapping && { owner }),
      },
      translate,
    );
  } catch (error) {
    throw hasReadOnlyCause(error) ? invalid("container rootfs is marked read-only", error) : error;
  }
}

function checkIsDirectory(rootFd: number, files: ContainerFiles, base: string, path: string): void {
  try {
    closeDescriptor(openInRoot(rootFd, base, pathFlag | constants.O_DIRECTORY));
  } catch (error) {
    if (hasCode(error, "ENOTDIR")) throw invalid("extraction point is not a directory", error);
    throw explainMissing(error, files, path);
  }
}

function refuseReadOnly(rootFd: number, files: ContainerFiles, base: string): void {
  const target = `/${evaluateLinks(rootFd, base)}/`;
  const inside = files.mounts
    .filter(({ destination }) => target.startsWith(`${bytesOfText(destination).replace(/\/+$/, "")}/`))
    .sort((a, b) => b.destination.length - a.destination.length)[0];
  if (inside?.readOnly) throw invalid("mounted volume is marked read-only");
  if (!inside && files.readOnlyRootfs) throw invalid("container rootfs is marked read-only");
}

function hasReadOnlyCause(error: unknown): boolean {
  return hasCode(error, "EROFS") || (error instanceof Error && hasCode(error.cause, "EROFS"));
}

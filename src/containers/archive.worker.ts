import { type BigIntStats, statfsSync, writeSync } from "node:fs";
import { hasCode, invalid } from "../errors.ts";
import type { IdMapping } from "../formats/id-mapping.ts";
import { bytesOfText } from "../formats/tar/tar-entry.ts";
import { archiveEnd } from "../formats/tar/tar-writer.ts";
import { entryInside } from "../formats/tar/translate-owners.ts";
import { serveJobs } from "../sys/jobs.ts";
import { makeDirectoryInRoot } from "../sys/make-directory.ts";
import {
  closeDescriptor,
  descriptorPath,
  entryPath,
  isMountpoint,
  openDirectoryInRoot,
} from "../sys/safe-path.ts";
import { listChanges } from "../trees/diff.ts";
import { type PackOptions, packTree } from "../trees/pack.ts";
import type { ArchiveJob, ArchiveResult, ContainerFiles } from "./archive/archive-job.ts";
import { describePath, findPath } from "./archive/archive-path.ts";
import { withOwnRoot, withRoot } from "./archive/archive-root.ts";
import { extractArchive } from "./archive/archive-write.ts";
import { listFiles } from "./archive/list-files.ts";

serveJobs<ArchiveJob, ArchiveResult>((job) => {
  const { files } = job;
  switch (job.kind) {
    case "stat":
      return withRoot(files, "read", (rootFd) => ({
        stat: describePath(rootFd, findPath(rootFd, files, job.path)),
      }));
    case "list":
      return withRoot(files, "read", (rootFd, mapping) => ({
        directory: listFiles(rootFd, files, job.path, mapping),
      }));
    case "read":
      return withRoot(files, "read", (rootFd, mapping) => read(rootFd, files, job, mapping));
    case "write":
      return withRoot(files, "write", (rootFd, mapping) => {
        extractArchive(rootFd, files, job.path, job.inputFd, job.options, mapping);
        return {};
      });
    case "makeDirectory":
      return withRoot({ ...files, mounts: [] }, "write", (rootFd) => makeDirectory(rootFd, job.path));
    case "export":
      return withOwnRoot(files, (rootFd, mapping) => exportAll(rootFd, job.outputFd, mapping));
    case "changes":
      return { changes: listChanges(files.upper, files.lower) };
  }
});

function makeDirectory(rootFd: number, path: string): ArchiveResult {
  try {
    makeDirectoryInRoot(descriptorPath(rootFd), bytesOfText(path));
    closeDescriptor(openDirectoryInRoot(rootFd, bytesOfText(path)));
    return {};
  } catch (error) {
    if (hasCode(error, "ENOTDIR")) throw invalid(`Cannot mkdir: ${path} is not a directory`, error);
    throw error;
  }
}

/** The entries start with the name the user asked for; below a root directory they are absolute, as docker's are. */
function read(
  rootFd: number,
  files: ContainerFiles,
  { path, outputFd }: Extract<ArchiveJob, { kind: "read" }>,
  mapping: IdMapping | undefined,
): ArchiveResult {
  const found = findPath(rootFd, files, path);
  for (const piece of packTree({
    rootFd,
    path: found.path,
    name: found.name,
    whiteouts: false,
    isBoundary: isKernels,
    ...translation(mapping),
  })) {
    writeAll(outputFd, piece);
  }
  writeAll(outputFd, archiveEnd);
  return {};
}

function exportAll(rootFd: number, outputFd: number, mapping: IdMapping | undefined): ArchiveResult {
  const whole = { rootFd, path: "", name: "", whiteouts: false };
  for (const piece of packTree({ ...whole, ...translation(mapping) })) writeAll(outputFd, piece);
  writeAll(outputFd, archiveEnd);
  return {};
}

/** Owners as the container has them. */
function translation(mapping: IdMapping | undefined): Pick<PackOptions, "translate"> {
  return mapping ? { translate: (entry) => entryInside(mapping, entry) } : {};
}

/** File systems that show the kernel's state rather than files (statfs(2)): proc, sysfs, cgroup, devpts, mqueue. */
const kernelsOwn = new Set([0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202]);

/** A running container has them, and a /dev, where a stopped one has empty directories. */
function isKernels(parentFd: number, base: string, stats: BigIntStats): boolean {
  if (!stats.isDirectory()) return false;
  return (
    (base === "dev" && isMountpoint(parentFd, base)) ||
    kernelsOwn.has(statfsSync(entryPath(parentFd, base)).type)
  );
}

function writeAll(fd: number, data: Buffer): void {
  for (let offset = 0; offset < data.length; ) offset += writeSync(fd, data, offset);
}

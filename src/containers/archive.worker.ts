import { type BigIntStats, statfsSync, writeSync } from "node:fs";
import { archiveEnd } from "../formats/tar-writer.ts";
import { packTree } from "../images/pack.ts";
import { serveJobs } from "../sys/jobs.ts";
import { closeDescriptor, entryPath, isMountpoint } from "../sys/safe-path.ts";
import type { ArchiveJob, ArchiveResult, ContainerFiles } from "./archive-job.ts";
import { describePath, findPath } from "./archive-path.ts";
import { withRoot } from "./archive-root.ts";
import { extractArchive } from "./archive-write.ts";
import { listChanges, measureTree } from "./diff.ts";

serveJobs<ArchiveJob, ArchiveResult>((job) => {
  const { files } = job;
  switch (job.kind) {
    case "stat":
      return withRoot(files, (rootFd) => ({ stat: describePath(rootFd, findPath(rootFd, files, job.path)) }));
    case "read":
      return closing(job.outputFd, () =>
        withRoot(files, (rootFd) => read(rootFd, files, job.path, job.outputFd)),
      );
    case "write":
      return closing(job.inputFd, () =>
        withRoot(files, (rootFd) => {
          extractArchive(rootFd, files, job.path, job.inputFd, job.options);
          return {};
        }),
      );
    case "export":
      return closing(job.outputFd, () =>
        withRoot({ ...files, mounts: [] }, (rootFd) => exportAll(rootFd, job.outputFd)),
      );
    case "changes":
      return { changes: listChanges(files.upper, files.lower) };
    case "size":
      return { sizeBytes: measureTree(files.upper) };
  }
});

function closing(fd: number, work: () => ArchiveResult): ArchiveResult {
  try {
    return work();
  } finally {
    closeDescriptor(fd);
  }
}

/** The entries start with the name the user asked for; below a root directory they are absolute, as docker's are. */
function read(rootFd: number, files: ContainerFiles, path: string, outputFd: number): ArchiveResult {
  const found = findPath(rootFd, files, path);
  for (const piece of packTree({
    rootFd,
    path: found.path,
    name: found.name,
    whiteouts: false,
    isBoundary: isKernels,
  })) {
    writeAll(outputFd, piece);
  }
  writeAll(outputFd, archiveEnd);
  return {};
}

function exportAll(rootFd: number, outputFd: number): ArchiveResult {
  for (const piece of packTree({ rootFd, path: "", name: "", whiteouts: false, isBoundary: isMountpoint }))
    writeAll(outputFd, piece);
  writeAll(outputFd, archiveEnd);
  return {};
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

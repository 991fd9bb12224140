import { closeSync, constants, openSync, writeSync } from "node:fs";
import { hasCode, internal } from "../errors.ts";
import { archiveEnd } from "../formats/tar/tar-writer.ts";
import { serveJobs } from "../sys/jobs.ts";
import { copyDirectory } from "../trees/copy.ts";
import { extractStream } from "../trees/extract-stream.ts";
import { packTree } from "../trees/pack.ts";
import type { TransferJob } from "./transfers.ts";

serveJobs<TransferJob, void>((job) => {
  switch (job.kind) {
    case "export":
      return withDirectory(job.directory, (rootFd) => pack(rootFd, job.outputFd));
    case "import":
      return withDirectory(job.directory, (rootFd) =>
        extractStream(job.inputFd, { rootFd, base: "", whiteouts: false, setsRoot: true, makesHoles: true }),
      );
    case "clone":
      return withDirectory(job.source, (from) => withDirectory(job.target, (to) => copy(from, to)));
  }
});

function withDirectory(path: string, use: (fd: number) => void): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
}

function pack(rootFd: number, outputFd: number): void {
  for (const piece of packTree({ rootFd, path: "", name: ".", whiteouts: false })) writeAll(outputFd, piece);
  writeAll(outputFd, archiveEnd);
}

function writeAll(fd: number, data: Buffer): void {
  for (let offset = 0; offset < data.length; ) offset += writeSync(fd, data, offset);
}

function copy(from: number, to: number): void {
  try {
    copyDirectory(from, to);
  } catch (error) {
    if (hasCode(error, "ENOSPC")) throw internal("failed to copy: no space left on device", error);
    if (hasCode(error, "EDQUOT")) throw internal("failed to copy: disk quota exceeded", error);
    throw error;
  }
}

import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { hasCode, internal } from "../errors.ts";
import { createTarReader } from "../formats/tar/tar-reader.ts";
import { archiveEnd } from "../formats/tar/tar-writer.ts";
import { serveJobs } from "../sys/jobs.ts";
import { copyDirectory } from "../trees/copy.ts";
import { createExtraction } from "../trees/extract.ts";
import { packTree } from "../trees/pack.ts";
import type { TransferJob } from "./transfers.ts";

const chunkBytes = 256 * 1024;

serveJobs<TransferJob, void>((job) => {
  switch (job.kind) {
    case "export":
      return withDirectory(job.directory, (rootFd) => pack(rootFd, job.outputFd));
    case "import":
      return withDirectory(job.directory, (rootFd) => extract(rootFd, job.inputFd));
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

/** Blocks its thread. @throws invalid for what is no archive, or leads outside */
function extract(rootFd: number, inputFd: number): void {
  const extraction = createExtraction({
    rootFd,
    base: "",
    whiteouts: false,
    setsRoot: true,
    makesHoles: true,
  });
  const reader = createTarReader();
  const buffer = Buffer.allocUnsafe(chunkBytes);
  try {
    for (let count = -1; count !== 0; ) {
      count = readSync(inputFd, buffer, 0, buffer.length, null);
      for (const event of reader.push(Buffer.from(buffer.subarray(0, count)))) extraction.take(event);
    }
    reader.finish();
    extraction.finish();
  } finally {
    extraction.close();
  }
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

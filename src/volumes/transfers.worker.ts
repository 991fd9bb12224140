import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { posix } from "node:path";
import { hasCode, internal, invalid, notFound } from "../errors.ts";
import type { ContainerDirectory } from "../formats/docker-api/docker-api-layers.ts";
import { bytesOfText } from "../formats/tar/tar-entry.ts";
import { archiveEnd } from "../formats/tar/tar-writer.ts";
import { serveJobs } from "../sys/jobs.ts";
import { openFileInRoot } from "../sys/safe-path.ts";
import { copyDirectory } from "../trees/copy.ts";
import { extractStream } from "../trees/extract-stream.ts";
import { listInTree } from "../trees/list-directory.ts";
import { packTree } from "../trees/pack.ts";
import type { TransferJob, TransferResult } from "./transfers.ts";

serveJobs<TransferJob, TransferResult>((job) => {
  switch (job.kind) {
    case "export":
      return withDirectory(job.directory, (rootFd) => pack(rootFd, job.outputFd));
    case "import":
      return withDirectory(job.directory, (rootFd) => {
        const target = { rootFd, base: "", whiteouts: false, setsRoot: true, makesHoles: true };
        extractStream(job.inputFd, target);
        return undefined;
      });
    case "clone":
      return withDirectory(job.source, (from) => withDirectory(job.target, (to) => copy(from, to)));
    case "list":
      return withDirectory(job.directory, (rootFd) => list(rootFd, job.path));
    case "read":
      return withDirectory(job.directory, (rootFd) => read(rootFd, job.path, job.outputFd));
  }
});

function withDirectory<R>(path: string, use: (fd: number) => R): R {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function pack(rootFd: number, outputFd: number): undefined {
  for (const piece of packTree({ rootFd, path: "", name: ".", whiteouts: false })) writeAll(outputFd, piece);
  writeAll(outputFd, archiveEnd);
}

function list(rootFd: number, path: string): ContainerDirectory {
  try {
    const Path = posix.resolve("/", path);
    const { entries, more } = listInTree(rootFd, bytesOfText(Path));
    return { Path, Entries: entries, More: more };
  } catch (error) {
    throw explainPath(error, path);
  }
}

const pieceBytes = 256 * 1024;

function read(rootFd: number, path: string, outputFd: number): undefined {
  let fd: number | undefined;
  try {
    fd = openFileInRoot(rootFd, bytesOfText(path), "follow");
  } catch (error) {
    throw explainPath(error, path);
  }
  if (fd === undefined) throw invalid(`${path}: not a regular file`);
  try {
    const piece = Buffer.allocUnsafe(pieceBytes);
    for (let count = readSync(fd, piece); count > 0; count = readSync(fd, piece))
      writeAll(outputFd, piece.subarray(0, count));
  } finally {
    closeSync(fd);
  }
}

function explainPath(error: unknown, path: string): unknown {
  if (hasCode(error, "ENOENT")) return notFound(`Could not find the file ${path} in the volume`, error);
  if (hasCode(error, "ENOTDIR")) return invalid(`${path}: not a directory`, error);
  if (hasCode(error, "ELOOP")) return invalid(`${path}: too many links`, error);
  return error;
}

function writeAll(fd: number, data: Buffer): void {
  for (let offset = 0; offset < data.length; ) offset += writeSync(fd, data, offset);
}

function copy(from: number, to: number): undefined {
  try {
    copyDirectory(from, to);
  } catch (error) {
    if (hasCode(error, "ENOSPC")) throw internal("failed to copy: no space left on device", error);
    if (hasCode(error, "EDQUOT")) throw internal("failed to copy: disk quota exceeded", error);
    throw error;
  }
}

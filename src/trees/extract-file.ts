import { ftruncateSync, writeSync } from "node:fs";
import type { ByteString, TarEntry } from "../formats/tar/tar-entry.ts";
import { closeDescriptor, createFileAt } from "../sys/safe-path.ts";
import { firstMode, type Owner, setFileAttributes } from "./extract-attributes.ts";

/** A file of an archive while its content comes. */
export interface OpenFile {
  readonly fd: number;
  readonly entry: TarEntry;
  readonly owner: Owner;
  /** How far it is; what was passed over is a hole. */
  at: number;
  readonly makesHoles: boolean;
}

const zeros = Buffer.alloc(64 * 1024);

const hasHoles = ({ entry, makesHoles }: OpenFile) => makesHoles || entry.isSparse === true;

/** The caller closes it, with `finishFile` or `abandonFile`. @throws SyscallError EEXIST, … */
export function openFile(
  parentFd: number,
  name: ByteString,
  entry: TarEntry,
  options: Pick<OpenFile, "owner" | "makesHoles">,
): OpenFile {
  return { fd: createFileAt(parentFd, name, firstMode(entry, options.owner)), entry, at: 0, ...options };
}

export function writeFile(file: OpenFile, data: Buffer): void {
  if (!file.makesHoles) {
    writeAll(file, data);
    return;
  }
  for (let begin = 0; begin < data.length; begin += zeros.length) {
    const piece = data.subarray(begin, begin + zeros.length);
    if (piece.equals(zeros.subarray(0, piece.length))) file.at += piece.length;
    else writeAll(file, piece);
  }
}

function writeAll(file: OpenFile, data: Buffer): void {
  for (let done = 0; done < data.length; ) {
    const written = hasHoles(file)
      ? writeSync(file.fd, data, done, data.length - done, file.at)
      : writeSync(file.fd, data, done);
    done += written;
    file.at += written;
  }
}

/** Gives it what its entry says, and closes it. */
export function finishFile(file: OpenFile): void {
  const { fd, entry, owner, at } = file;
  try {
    // A hole at the end is not written by anything after it.
    if (hasHoles(file)) ftruncateSync(fd, at);
    setFileAttributes(fd, entry, owner);
  } finally {
    closeDescriptor(fd);
  }
}

export function abandonFile({ fd }: OpenFile): void {
  closeDescriptor(fd);
}

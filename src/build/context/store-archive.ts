import { posix } from "node:path";
import { Readable } from "node:stream";
import type { MessagePort } from "node:worker_threads";
import { invalid } from "../../errors.ts";
import { detectCompression, magicBytes } from "../../formats/compression.ts";
import { compileIgnorePatterns, parseIgnoreFile } from "../../formats/ignore-patterns.ts";
import { bytesOfText } from "../../formats/tar/tar-entry.ts";
import { readJobInput } from "../../sys/job-input.ts";
import { decompress } from "../../trees/decompress.ts";
import {
  type ArchivedDirectory,
  type ArchivedFile,
  findUnlessAbsent,
  leadTo,
  leadToDirectory,
} from "./archived-node.ts";
import { listArchived } from "./archived-tree.ts";
import { mostSmallBytes } from "./check-entry.ts";
import { type ContentWriter, openContentWriter } from "./content-writer.ts";
import { createFileNames } from "./kept-contexts.ts";
import { refuseBomb } from "./refuse-bomb.ts";
import { readStoredFilesIfWhole, writeStoredTree } from "./stored-list.ts";
import { createUnpacking } from "./unpacking.ts";

/** An archive that comes from the daemon's own thread. */
export interface ArchiveOrder {
  /** For `readJobInput`. */
  input: MessagePort;
  /** Where the tree is to be, and what its files' names say. */
  folder: string;
  transferId: string;
  /** A tree with which it may have content in common. */
  latest?: string;
  /** The directory in it that is the context; "" for all of it. */
  subdir: string;
  /** Small files whose text is wanted, by their paths in the context. */
  wanted: readonly string[];
  /** Files that are no part of the context where its .dockerignore names them. */
  mayBeIgnored: readonly string[];
}

export interface StoredArchive {
  path: string;
  packs: string[];
  sizeBytes: number;
  /** Those that are there, with what is in them. */
  files: [path: string, text: string][];
}

/**
 * Has an archive become a stored tree while it comes, compressed or not. What is no archive is a Dockerfile, which then is all there is.
 * For a worker. What it has written when it throws is the folder's to sweep.
 * @throws EngineError invalid
 */
export async function storeArchive(order: ArchiveOrder): Promise<StoredArchive> {
  const { input, folder, transferId, latest } = order;
  const newFile = createFileNames(folder, transferId);
  const writer = openContentWriter(() => newFile("pack"));
  try {
    const known = latest === undefined ? new Map() : readStoredFilesIfWhole(latest);
    const { isCompressed, chunks } = await openPlain(readJobInput(input));
    const unpacking = createUnpacking(writer, known, isCompressed);
    for await (const chunk of chunks) unpacking.push(chunk);
    const top = enterContext(unpacking.finish(), order.subdir);
    const files = readSmallFiles(top, writer, order.wanted);
    leaveOutIgnored(top, writer, order.mayBeIgnored);
    return { ...writeStoredTree(newFile, listArchived(top)), files };
  } finally {
    input.close();
    writer.close();
  }
}

/** What is not compressed takes no way round by streams. */
async function openPlain(
  chunks: AsyncGenerator<Buffer>,
): Promise<{ isCompressed: boolean; chunks: AsyncIterable<Buffer> }> {
  let head: Buffer = Buffer.alloc(0);
  for (let isDone = false; !isDone && head.length < magicBytes; ) {
    const { value, done } = await chunks.next();
    isDone = done === true;
    if (value) head = Buffer.concat([head, value]);
  }
  let received = 0;
  async function* all() {
    received = head.length;
    yield head;
    for await (const chunk of chunks) {
      received += chunk.length;
      yield chunk;
    }
  }
  if (head.length < magicBytes || detectCompression(head) === "none")
    return { isCompressed: false, chunks: all() };
  const { output } = await decompress(Readable.from(all()));
  return { isCompressed: true, chunks: refuseBomb(output, () => received) };
}

function enterContext(root: ArchivedDirectory, subdir: string): ArchivedDirectory {
  const below = posix.normalize(`/${subdir}`).slice(1);
  const found = findUnlessAbsent(() => leadToDirectory(root, bytesOfText(below).split("/")));
  if (!found) throw invalid(`failed to read the context: ${below}: no such directory`);
  return found;
}

function readSmallFiles(
  top: ArchivedDirectory,
  writer: ContentWriter,
  paths: readonly string[],
): [path: string, text: string][] {
  return paths.flatMap((path): [string, string][] => {
    const found = findUnlessAbsent(() => leadTo(top, bytesOfText(path).split("/")));
    if (found?.about.type !== "file") return [];
    const { content } = found as ArchivedFile;
    if (!content) return [];
    if (found.about.sizeBytes > mostSmallBytes) throw invalid(`${path} is too large`);
    const buffer = Buffer.alloc(found.about.sizeBytes);
    writer.read(content, buffer);
    return [[path, buffer.toString()]];
  });
}

/** Clients of `POST /build` leave out themselves what a .dockerignore names, and send some of it all the same. */
function leaveOutIgnored(top: ArchivedDirectory, writer: ContentWriter, paths: readonly string[]): void {
  if (paths.length === 0) return;
  const [[, text] = ["", ""]] = readSmallFiles(top, writer, [".dockerignore"]);
  const patterns = compileIgnorePatterns(parseIgnoreFile(text));
  for (const path of paths.filter(patterns.isIgnored)) {
    const names = bytesOfText(path).split("/");
    const name = names.pop() as string;
    const { children } = findUnlessAbsent(() => leadToDirectory(top, names)) ?? {};
    if (children?.get(name)?.children === undefined) children?.delete(name);
  }
}

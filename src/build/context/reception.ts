import { createHash, type Hash } from "node:crypto";
import { rename } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { invalid } from "../../errors.ts";
import type { ByteString } from "../../formats/tar/tar-entry.ts";
import type { DirectoryVisitor } from "../client-session.ts";
import { createEntryCheck } from "./check-entry.ts";
import { packedBytes } from "./fresh-content.ts";
import {
  type ContextFolder,
  createFileNames,
  type FileNames,
  type KeptTree,
  storedFilesOf,
} from "./kept-contexts.ts";
import { openSpool, type Spool, type SpooledFile } from "./spool.ts";
import { encodeStored, type StoredContent, type StoredEntry, storedOf } from "./stored-tree.ts";

/** Files that may have come in part; clients send four side by side. */
const mostBegun = 64;

/** A file while its content comes. */
interface Incoming {
  entry: StoredEntry;
  /** With the first of it. */
  hash: Hash | undefined;
  sizeBytes: number;
  pieces: Buffer[];
  /** Once it is large. */
  own?: { path: string; file: SpooledFile };
}

/** What has come of a directory. */
export interface Reception {
  visitor: DirectoryVisitor;
  /** Bytes of content that were sent. */
  readonly sentBytes: number;
  /** @throws EngineError invalid when content is missing */
  finish(): Promise<KeptTree>;
  /** Closes what is open. What is no tree's by now is removed by the folder's next sweep. */
  close(): Promise<void>;
}

/** Takes in a directory: of files that are as in the folder's latest tree nothing is asked. */
export async function createReception(folder: ContextFolder, transferId: string): Promise<Reception> {
  const check = createEntryCheck();
  const known = await storedFilesOf(folder.latest);
  const entries: StoredEntry[] = [];
  const incoming = new Map<number, Incoming>();
  const packs = new Set<string>();
  const newFile = createFileNames(folder.path, transferId);
  const spool = openSpool();
  const pack = createPack(newFile, spool);
  let [sentBytes, begun] = [0, 0];

  function getIncoming(number: number): Incoming {
    const file = incoming.get(number);
    if (!file) throw invalid(`the client sent content of entry ${number}, which was not asked for`);
    return file;
  }

  function begin(): Hash {
    if (++begun > mostBegun) throw invalid("the client sends too many files at the same time");
    return createHash("sha256");
  }

  const visitor: DirectoryVisitor = {
    entry(given) {
      check(given);
      const entry = storedOf(given);
      const number = entries.push(entry) - 1;
      if (entry.type !== "file") return false;
      const content = findSame(known, entry);
      if (content) {
        entry.content = content;
        packs.add(content.pack);
        return false;
      }
      incoming.set(number, { entry, hash: undefined, sizeBytes: 0, pieces: [] });
      return true;
    },
    data(number, piece) {
      const file = getIncoming(number);
      file.hash ??= begin();
      file.hash.update(piece);
      sentBytes += piece.length;
      keepPiece(file, piece, newFile, spool);
      return spool.room();
    },
    end(number) {
      const file = getIncoming(number);
      incoming.delete(number);
      if (file.hash) begun--;
      const digest = (file.hash ?? createHash("sha256")).digest("hex");
      // It may have changed while it was read: what came counts.
      file.entry.sizeBytes = file.sizeBytes;
      file.own?.file.end();
      const place = file.own ? { pack: file.own.path, offset: 0 } : pack.append(file.pieces);
      file.entry.content = { ...place, digest };
      packs.add(place.pack);
      return spool.room();
    },
  };

  return {
    visitor,
    get sentBytes() {
      return sentBytes;
    },
    async finish() {
      for (const number of incoming.keys())
        throw invalid(`the client did not send the content of ${JSON.stringify(entries[number]?.path)}`);
      await spool.finish();
      const path = await writeTree(newFile, entries);
      return { path, packs, sizeBytes: entries.reduce((sum, entry) => sum + entry.sizeBytes, 0) };
    },
    async close() {
      incoming.clear();
      await spool.close();
    },
  };
}

/** Content of a file that has not changed since: as BuildKit has it, by size and time and all that is said of it. */
function findSame(
  known: ReadonlyMap<ByteString, StoredEntry>,
  entry: StoredEntry,
): StoredContent | undefined {
  const before = known.get(entry.path);
  if (!before) return undefined;
  const isSame =
    before.sizeBytes === entry.sizeBytes &&
    before.mtime.seconds === entry.mtime.seconds &&
    before.mtime.nanoseconds === entry.mtime.nanoseconds &&
    before.mode === entry.mode &&
    before.uid === entry.uid &&
    before.gid === entry.gid;
  return isSame ? before.content : undefined;
}

/** The file that small ones are put into, one after the other; made for the first. */
function createPack(newFile: FileNames, spool: Spool) {
  const path = newFile("pack");
  let file: SpooledFile | undefined;
  return {
    append(pieces: readonly Buffer[]): { pack: string; offset: number } {
      file ??= spool.begin(path);
      const [offset] = [Buffer.alloc(0), ...pieces].map(file.append);
      return { pack: path, offset: offset as number };
    },
  };
}

function keepPiece(file: Incoming, piece: Buffer, newFile: FileNames, spool: Spool): void {
  file.sizeBytes += piece.length;
  if (file.own) file.own.file.append(piece);
  else file.pieces.push(piece);
  if (!file.own && file.sizeBytes > packedBytes) file.own = spill(newFile, spool, file.pieces.splice(0));
}

function spill(
  newFile: FileNames,
  spool: Spool,
  pieces: readonly Buffer[],
): { path: string; file: SpooledFile } {
  const path = newFile("pack");
  const file = spool.begin(path);
  for (const piece of pieces) file.append(piece);
  return { path, file };
}

/** Of a list: what is encoded at a time. */
const entriesPerPiece = 1000;

/** Whole or not at all. @returns its path */
async function writeTree(newFile: FileNames, entries: readonly StoredEntry[]): Promise<string> {
  const [draft, path] = [newFile("draft"), newFile("tree")];
  const spool = openSpool();
  try {
    const file = spool.begin(draft);
    for (let begin = 0; begin < entries.length; begin += entriesPerPiece) {
      const lines = entries.slice(begin, begin + entriesPerPiece).map(encodeStored);
      file.append(Buffer.from(lines.join("")));
      await (spool.room() ?? nextTurn());
    }
    await spool.finish();
  } finally {
    await spool.close();
  }
  await rename(draft, path);
  return path;
}

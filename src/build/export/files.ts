import { createReadStream, statSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type ByteString, bytesOfText, paddingAfter } from "../../formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../formats/tar/tar-writer.ts";
import type { ClientSession, OutgoingEntry } from "../client-session.ts";
import type { Folder } from "../context/folders.ts";
import { openTreeAt } from "../context/mounted-tree.ts";
import { walkSource } from "../context/source-tree.ts";
import { beginStatus, newVertex, type Reporter, reportWork } from "../progress.ts";
import { type EntrySource, mergeEntries } from "./merge-entries.ts";

/** Where what a build made goes: one of a client's exporters, by its place in their list. */
export interface FilesTarget {
  session: ClientSession;
  exporter: number;
  report: Reporter;
  /** Of all that goes there, in seconds since the epoch; undefined: of each its own. */
  mtimeSeconds?: number;
}

/** What is said of files, as a file beside them. */
export interface PlacedStatement {
  name: string;
  path: string;
}

/** A root file system, and where it goes: "" for the top of the client's directory. */
export interface PlacedFolder {
  folder: Folder;
  platform: string;
  below: string;
  statement?: PlacedStatement;
}

/** An archive of one, without an end. */
export interface PlacedArchive {
  archive: Folder;
  below: string;
  statement?: PlacedStatement;
}

/** Sends root file systems to a directory of the client's. */
export function exportDirectories(
  folders: readonly PlacedFolder[],
  { session, exporter, report, mtimeSeconds }: FilesTarget,
): Promise<void> {
  const vertex = newVertex("exporting to client directory");
  return reportWork(report, vertex, async () => {
    const tell = beginStatus(report, vertex.digest, "copying files");
    let bytes = 0;
    const entries = entriesOfAll(folders, (count) => {
      bytes += count;
      tell(bytes);
    });
    await session.sendFiles(exporter, withTime(entries, mtimeSeconds));
    tell(bytes, true);
  });
}

async function* withTime(
  entries: AsyncIterable<OutgoingEntry>,
  seconds: number | undefined,
): AsyncGenerator<OutgoingEntry> {
  for await (const one of entries)
    yield seconds === undefined
      ? one
      : { ...one, entry: { ...one.entry, mtime: { seconds, nanoseconds: 0 } } };
}

/** Of the event loop. */
const entriesPerTurn = 50;

/** Directories in the order of their names, and what shares one in the order of its paths. */
async function* entriesOfAll(
  folders: readonly PlacedFolder[],
  onBytes: (count: number) => void,
): AsyncGenerator<OutgoingEntry> {
  if (folders.every(({ below }) => below === "")) {
    yield* mergeEntries(folders.flatMap((one) => sourcesOf(one, onBytes)));
    return;
  }
  for (const folder of folders.toSorted((a, b) => (a.below < b.below ? -1 : 1))) {
    const { below } = folder;
    const about = { mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, mtime: { seconds: 0, nanoseconds: 0 } };
    yield { entry: { ...about, path: below, type: "directory" } };
    for await (const { entry, ...content } of mergeEntries(sourcesOf(folder, onBytes))) {
      const isLink = entry.type === "link";
      const placed = { ...entry, path: `${below}/${entry.path}` };
      yield { entry: isLink ? { ...placed, linkName: `${below}/${entry.linkName}` } : placed, ...content };
    }
  }
}

function sourcesOf(
  { folder, platform, statement }: PlacedFolder,
  onBytes: (count: number) => void,
): EntrySource[] {
  if (!statement) return [{ platform, entries: entriesOf(folder, onBytes) }];
  const others = entriesOf(folder, onBytes, bytesOfText(statement.name));
  return [
    { platform, entries: others },
    { platform: "its provenance", entries: entryOf(statement) },
  ];
}

async function* entryOf(statement: PlacedStatement): AsyncGenerator<OutgoingEntry> {
  yield {
    entry: { ...describeStatement(statement), path: bytesOfText(statement.name), type: "file" },
    content: () => createReadStream(statement.path) as AsyncIterable<Buffer>,
  };
}

/** As of a file that only its owner reads, made now. */
function describeStatement({ path }: PlacedStatement) {
  const mtime = { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 };
  return { mode: 0o600, uid: 0, gid: 0, sizeBytes: statSync(path).size, mtime };
}

/**
 * All that is in a folder.
 * @param replaced is left out, with all below it: a statement takes the place of what has its name, as with BuildKit. Other names of
 * that file stay, the first of them as the file.
 */
async function* entriesOf(
  folder: Folder,
  onBytes: (count: number) => void,
  replaced?: ByteString,
): AsyncGenerator<OutgoingEntry> {
  const tree = openTreeAt(folder.path);
  /** Files with several names, by what tells that they are one. */
  const linked = new Map<string, ByteString>();
  try {
    let count = 0;
    for (const { identity, ...entry } of walkSource(tree, "")) {
      if (++count % entriesPerTurn === 0) await nextTurn();
      if (replaced !== undefined && isAtOrBelow(entry.path, replaced)) continue;
      const first = identity === undefined ? undefined : linked.get(identity);
      if (first !== undefined) {
        yield { entry: { ...entry, type: "link", linkName: first } };
        continue;
      }
      if (identity !== undefined) linked.set(identity, entry.path);
      if (entry.type !== "file") {
        yield { entry };
        continue;
      }
      const path = Buffer.from(`${folder.path}/`, "utf8");
      const full = Buffer.concat([path, Buffer.from(entry.path, "latin1")]);
      yield {
        entry,
        content: async function* () {
          for await (const chunk of createReadStream(full)) {
            onBytes((chunk as Buffer).length);
            yield chunk as Buffer;
          }
        },
      };
    }
  } finally {
    tree.close();
  }
}

const isAtOrBelow = (path: ByteString, top: ByteString) => path === top || path.startsWith(`${top}/`);

/** Sends root file systems as one archive. */
export function exportArchives(
  archives: readonly PlacedArchive[],
  { session, exporter, report, mtimeSeconds }: FilesTarget,
): Promise<void> {
  const vertex = newVertex("exporting to client tarball");
  return reportWork(report, vertex, async () => {
    const tell = beginStatus(report, vertex.digest, "sending tarball");
    let bytes = 0;
    async function* chunks(): AsyncGenerator<Buffer> {
      for (const archive of archives)
        for await (const chunk of piecesOf(archive, mtimeSeconds)) {
          bytes += chunk.length;
          tell(bytes);
          yield chunk;
        }
      yield archiveEnd;
    }
    await session.sendArchive(exporter, chunks(), {});
    tell(bytes, true);
  });
}

async function* piecesOf(
  { archive, below, statement }: PlacedArchive,
  mtimeSeconds: number | undefined,
): AsyncGenerator<Buffer> {
  yield* readInPieces(archive.path);
  if (!statement) return;
  const about = describeStatement(statement);
  const mtime = mtimeSeconds === undefined ? about.mtime : { seconds: mtimeSeconds, nanoseconds: 0 };
  const name = bytesOfText(below === "" ? statement.name : `${below}/${statement.name}`);
  yield encodeEntry({ ...about, name, type: "file", mtime });
  yield* readInPieces(statement.path);
  const padding = paddingAfter(about.sizeBytes);
  if (padding > 0) yield Buffer.alloc(padding);
}

const readInPieces = (path: string) =>
  createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>;

import { createReadStream } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ByteString } from "../../formats/tar/tar-entry.ts";
import { archiveEnd } from "../../formats/tar/tar-writer.ts";
import type { ClientSession, OutgoingEntry } from "../client-session.ts";
import type { Folder } from "../context/folders.ts";
import { openTreeAt } from "../context/mounted-tree.ts";
import { walkSource } from "../context/source-tree.ts";
import { beginStatus, newVertex, type Reporter, reportWork } from "../progress.ts";
import { mergeEntries } from "./merge-entries.ts";

/** Where what a build made goes: one of a client's exporters, by its place in their list. */
export interface FilesTarget {
  session: ClientSession;
  exporter: number;
  report: Reporter;
  /** Of all that goes there, in seconds since the epoch; undefined: of each its own. */
  mtimeSeconds?: number;
}

/** A root file system, and where it goes: "" for the top of the client's directory. */
export interface PlacedFolder {
  folder: Folder;
  platform: string;
  below: string;
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
    const sources = folders.map(({ folder, platform }) => ({
      platform,
      entries: entriesOf(folder, onBytes),
    }));
    yield* mergeEntries(sources);
    return;
  }
  for (const { folder, below } of folders.toSorted((a, b) => (a.below < b.below ? -1 : 1))) {
    const about = { mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, mtime: { seconds: 0, nanoseconds: 0 } };
    yield { entry: { ...about, path: below, type: "directory" } };
    for await (const { entry, ...content } of entriesOf(folder, onBytes)) {
      const isLink = entry.type === "link";
      const placed = { ...entry, path: `${below}/${entry.path}` };
      yield { entry: isLink ? { ...placed, linkName: `${below}/${entry.linkName}` } : placed, ...content };
    }
  }
}

async function* entriesOf(folder: Folder, onBytes: (count: number) => void): AsyncGenerator<OutgoingEntry> {
  const tree = openTreeAt(folder.path);
  /** Files with several names, by what tells that they are one. */
  const linked = new Map<string, ByteString>();
  try {
    let count = 0;
    for (const { identity, ...entry } of walkSource(tree, "")) {
      if (++count % entriesPerTurn === 0) await nextTurn();
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

/** Sends root file systems as one archive. @param archives of each, without the end of an archive */
export function exportArchives(
  archives: readonly Folder[],
  { session, exporter, report }: FilesTarget,
): Promise<void> {
  const vertex = newVertex("exporting to client tarball");
  return reportWork(report, vertex, async () => {
    const tell = beginStatus(report, vertex.digest, "sending tarball");
    let bytes = 0;
    async function* chunks(): AsyncGenerator<Buffer> {
      for (const { path } of archives)
        for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
          bytes += (chunk as Buffer).length;
          tell(bytes);
          yield chunk as Buffer;
        }
      yield archiveEnd;
    }
    await session.sendArchive(exporter, chunks(), {});
    tell(bytes, true);
  });
}

import { invalid } from "../../errors.ts";
import { type ByteString, blockBytes } from "../../formats/tar/tar-entry.ts";
import { decodeHeader } from "../../formats/tar/tar-header.ts";
import { createTarReader } from "../../formats/tar/tar-reader.ts";
import { splitPath } from "../../sys/safe-path.ts";
import type { ArchivedDirectory, ArchivedFile } from "./archived-node.ts";
import { createArchivedTree } from "./archived-tree.ts";
import { mostSmallBytes } from "./check-entry.ts";
import type { ContentWriter } from "./content-writer.ts";
import type { IncomingContent } from "./fresh-content.ts";
import type { StoredEntry } from "./stored-tree.ts";

/** An archive on its way into a tree. */
export interface Unpacking {
  /** @throws EngineError invalid */
  push(chunk: Buffer): void;
  /** @returns the root @throws EngineError invalid for an archive that is cut off */
  finish(): ArchivedDirectory;
}

/**
 * @param known files that are stored already, by path
 * @param isArchive undoubtedly; else it may be a Dockerfile alone
 */
export function createUnpacking(
  writer: ContentWriter,
  known: ReadonlyMap<ByteString, StoredEntry>,
  isArchive: boolean,
): Unpacking {
  let head: Buffer = Buffer.alloc(0);
  let unpacking = isArchive ? createTarUnpacking(writer, known) : undefined;
  const begin = () => {
    unpacking = hasTarHeader(head) ? createTarUnpacking(writer, known) : createFileUnpacking(writer);
    unpacking.push(head);
    return unpacking;
  };
  return {
    push(chunk) {
      if (unpacking) {
        unpacking.push(chunk);
        return;
      }
      head = Buffer.concat([head, chunk]);
      if (head.length >= blockBytes) begin();
    },
    finish: () => (unpacking ?? begin()).finish(),
  };
}

function hasTarHeader(head: Buffer): boolean {
  if (head.length < blockBytes) return false;
  return head.subarray(257, 262).toString("latin1") === "ustar" || head[0] === 0 || hasChecksum(head);
}

/** As that of V7, which has no magic word. */
function hasChecksum(head: Buffer): boolean {
  try {
    return decodeHeader(head.subarray(0, blockBytes)) !== undefined;
  } catch {
    return false;
  }
}

function createTarUnpacking(writer: ContentWriter, known: ReadonlyMap<ByteString, StoredEntry>): Unpacking {
  const tree = createArchivedTree();
  const reader = createTarReader();
  let present: { file: ArchivedFile; content: IncomingContent } | undefined;
  return {
    push(chunk) {
      for (const event of reader.push(chunk)) {
        if (event.kind === "entry") {
          const { entry } = event;
          const file = tree.take(entry);
          const before = file && known.get(splitPath(entry.name)?.join("/") ?? "");
          present = file && { file, content: writer.begin(before, entry.sizeBytes) };
        } else if (event.kind === "data") present?.content.data(event.data);
        else if (event.kind === "hole") present?.content.hole(event.lengthBytes);
        else if (present) present.file.content = present.content.end();
      }
    },
    finish() {
      reader.finish();
      return tree.root;
    },
  };
}

function createFileUnpacking(writer: ContentWriter): Unpacking {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  return {
    push(chunk) {
      sizeBytes += chunk.length;
      if (sizeBytes > mostSmallBytes) throw invalid("Dockerfile is too large");
      pieces.push(Buffer.from(chunk));
    },
    finish() {
      const tree = createArchivedTree();
      const mtime = { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 };
      const about = { type: "file", mode: 0o600, uid: 0, gid: 0, sizeBytes, mtime } as const;
      const file = tree.take({ name: "Dockerfile", ...about }) as ArchivedFile;
      const content = writer.begin(undefined, sizeBytes);
      for (const piece of pieces) content.data(piece);
      file.content = content.end();
      return tree.root;
    },
  };
}

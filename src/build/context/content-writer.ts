import { hasCode, internal } from "../../errors.ts";
import { createFreshContent, type IncomingContent } from "./fresh-content.ts";
import { openPackFiles, type PackFiles } from "./pack-files.ts";
import type { StoredContent, StoredEntry } from "./stored-tree.ts";

/** Takes in contents, file by file. What is in a pack already is not written again. Synchronous, for a worker thread. */
export interface ContentWriter {
  /** @param known the file of that name as it was: where that has the same content, it serves for both */
  begin(known: StoredEntry | undefined, sizeBytes: number): IncomingContent;
  /** Fills the buffer with what has been stored. */
  read(content: StoredContent, buffer: Buffer): void;
  close(): void;
}

/** @param newPack gives the path of a new file */
export function openContentWriter(newPack: () => string): ContentWriter {
  const packs = openPackFiles();
  const fresh = createFreshContent(newPack);
  return {
    begin(known, sizeBytes) {
      const content = known?.sizeBytes === sizeBytes ? known.content : undefined;
      return content?.digest === undefined
        ? fresh.begin(sizeBytes)
        : createFollower(packs, content, () => fresh.begin(sizeBytes));
    },
    read({ pack, offset }, buffer) {
      readWhole(packs, pack, offset, buffer);
    },
    close() {
      fresh.close();
      packs.close();
    },
  };
}

const partBytes = 256 * 1024;
const compared = Buffer.allocUnsafe(partBytes);

/** Compares what comes with what is there, which costs less than its digest; what differs is new from its beginning. */
function createFollower(
  packs: PackFiles,
  content: StoredContent,
  begin: () => IncomingContent,
): IncomingContent {
  const { pack, offset } = content;
  let at = 0;
  let other: IncomingContent | undefined;

  function isSame(piece: Buffer): boolean {
    for (let start = 0; start < piece.length; start += partBytes) {
      const part = piece.subarray(start, start + partBytes);
      const there = compared.subarray(0, part.length);
      const count = readIfThere(packs, pack, offset + at + start, there);
      if (count < part.length || !there.equals(part)) return false;
    }
    return true;
  }

  function differ(): IncomingContent {
    const made = begin();
    for (let start = 0; start < at; start += partBytes) {
      const part = compared.subarray(0, Math.min(partBytes, at - start));
      readWhole(packs, pack, offset + start, part);
      made.data(part);
    }
    return made;
  }

  return {
    data(piece) {
      if (!other && isSame(piece)) {
        at += piece.length;
        return;
      }
      other ??= differ();
      other.data(piece);
    },
    hole(lengthBytes) {
      other ??= differ();
      other.hole(lengthBytes);
    },
    end: () => other?.end() ?? content,
  };
}

/** Content that is gone is not the same. */
function readIfThere(packs: PackFiles, pack: string, offset: number, buffer: Buffer): number {
  try {
    return packs.read(pack, buffer, offset);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return 0;
    throw error;
  }
}

function readWhole(packs: PackFiles, pack: string, offset: number, buffer: Buffer): void {
  if (packs.read(pack, buffer, offset) < buffer.length)
    throw internal("a pack of build context content is cut off");
}

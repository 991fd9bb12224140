import { createHash } from "node:crypto";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import type { StoredContent } from "./stored-tree.ts";

/** The content of a file while it comes. */
export interface IncomingContent {
  data(piece: Buffer): void;
  hole(lengthBytes: number): void;
  end(): StoredContent;
}

/** Writes new content into new packs, one file after the other. Synchronous, for a worker thread. */
export interface FreshContent {
  begin(sizeBytes: number): IncomingContent;
  close(): void;
}

/** A file that is larger gets a pack of its own, which is written as it comes. */
export const packedBytes = 512 * 1024;

/** @param newPack gives the path of a new file */
export function createFreshContent(newPack: () => string): FreshContent {
  const open = new Set<number>();
  /** What small files share. */
  let shared: { pack: string; fd: number; end: number } | undefined;

  function create(): { pack: string; fd: number } {
    const pack = newPack();
    const fd = openSync(pack, "wx", 0o600);
    open.add(fd);
    return { pack, fd };
  }

  function beginSmall(): IncomingContent {
    const hash = createHash("sha256");
    /** Holes by their lengths. */
    const parts: (Buffer | number)[] = [];
    let hasHoles = false;
    return {
      data(piece) {
        if (!hasHoles) hash.update(piece);
        parts.push(Buffer.from(piece));
      },
      hole(lengthBytes) {
        hasHoles = true;
        parts.push(lengthBytes);
      },
      end() {
        shared ??= { ...create(), end: 0 };
        const { pack, fd, end: offset } = shared;
        for (const part of parts)
          shared.end += typeof part === "number" ? part : writeAll(fd, part, shared.end);
        if (hasHoles) ftruncateSync(fd, shared.end);
        return { pack, offset, ...(!hasHoles && { digest: hash.digest("hex") }) };
      },
    };
  }

  /** What has holes is read once more when its digest is wanted: there may be more of them than can be read in a lifetime. */
  function beginLarge(): IncomingContent {
    const { pack, fd } = create();
    const hash = createHash("sha256");
    let [at, hasHoles] = [0, false];
    return {
      data(piece) {
        if (!hasHoles) hash.update(piece);
        at += writeAll(fd, piece, at);
      },
      hole(lengthBytes) {
        hasHoles = true;
        at += lengthBytes;
      },
      end() {
        if (hasHoles) ftruncateSync(fd, at);
        closeSync(fd);
        open.delete(fd);
        return { pack, offset: 0, ...(!hasHoles && { digest: hash.digest("hex") }) };
      },
    };
  }

  return {
    begin: (sizeBytes) => (sizeBytes > packedBytes ? beginLarge() : beginSmall()),
    close() {
      for (const fd of open) closeSync(fd);
      open.clear();
    },
  };
}

/** @returns how many bytes it has written: all of them */
function writeAll(fd: number, piece: Buffer, at: number): number {
  for (let done = 0; done < piece.length; )
    done += writeSync(fd, piece, done, piece.length - done, at + done);
  return piece.length;
}

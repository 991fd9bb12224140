import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { invalid } from "../errors.ts";
import type { Digest } from "./digest.ts";
import type { ByteString } from "./tar/tar-entry.ts";

/*
 * A frame is an archive without what is in its files: headers, paddings and what else there is, byte for byte, and where the content
 * belongs the name of the unpacked file that has it. A file of it is a head, which says what the whole archive is, and blocks of parts,
 * each compressed by itself, so that reading one takes little memory whatever is in it.
 */

/** A part of the archive, in order. */
export type FramePart =
  | { kind: "bytes"; bytes: Buffer }
  /** `sizeBytes` bytes of an unpacked file, from `offset` on. @property path from the root, plain components */
  | { kind: "content"; path: ByteString; offset: number; sizeBytes: number };

/** What the whole archive is. */
export interface FrameHead {
  digest: Digest;
  sizeBytes: number;
}

const magic = Buffer.from("berthfr1", "latin1");
export const frameHeadBytes = 48;
/** Packed and plain size of the block that follows; both 0 at the end. */
export const blockHeadBytes = 8;
const blockBytes = 256 * 1024;
const blockLimitBytes = 1024 * 1024;
const longestPath = 0xffff;
const largestNumber = 2 ** 48 - 1;
const [bytesTag, contentTag] = [0, 1];

const malformed = (cause?: unknown) => invalid("the frame is damaged", cause);

export function encodeFrameHead({ digest, sizeBytes }: FrameHead): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(sizeBytes));
  return Buffer.concat([magic, size, Buffer.from(digest.slice("sha256:".length), "hex")]);
}

/** @throws invalid */
export function decodeFrameHead(head: Buffer): FrameHead {
  if (head.length !== frameHeadBytes || !head.subarray(0, 8).equals(magic)) throw malformed();
  const sizeBytes = Number(head.readBigUInt64BE(8));
  if (!Number.isSafeInteger(sizeBytes)) throw malformed();
  return { digest: `sha256:${head.toString("hex", 16)}`, sizeBytes };
}

export interface FrameEncoder {
  bytes(bytes: Buffer): void;
  /** @returns false for what no frame can hold, which is to be given as bytes */
  content(path: ByteString, offset: number, sizeBytes: number): boolean;
  end(): void;
}

/** @param write takes what is to follow the head; what it got is not used again */
export function createFrameEncoder(write: (piece: Buffer) => void): FrameEncoder {
  const block = Buffer.allocUnsafe(blockBytes);
  let used = 0;
  let waiting: { path: ByteString; offset: number; sizeBytes: number } | undefined;

  function flush(): void {
    if (used === 0) return;
    const packed = zstdCompressSync(block.subarray(0, used), {
      params: { [constants.ZSTD_c_compressionLevel]: 1 },
    });
    write(Buffer.concat([encodeBlockHead(packed.length, used), packed]));
    used = 0;
  }

  function makeRoom(bytes: number): void {
    if (used + bytes > blockBytes) flush();
  }

  function putWaiting(): void {
    if (!waiting) return;
    const { path, offset, sizeBytes } = waiting;
    waiting = undefined;
    makeRoom(15 + path.length);
    used = block.writeUInt8(contentTag, used);
    used = block.writeUInt16BE(path.length, used);
    used += block.write(path, used, "latin1");
    used = block.writeUIntBE(offset, used, 6);
    used = block.writeUIntBE(sizeBytes, used, 6);
  }

  return {
    bytes(bytes) {
      putWaiting();
      for (let at = 0; at < bytes.length; ) {
        makeRoom(5 + Math.min(bytes.length - at, 512));
        const count = Math.min(bytes.length - at, blockBytes - used - 5);
        used = block.writeUInt8(bytesTag, used);
        used = block.writeUInt32BE(count, used);
        used += bytes.copy(block, used, at, at + count);
        at += count;
      }
    },
    content(path, offset, sizeBytes) {
      if (path.length > longestPath || offset + sizeBytes > largestNumber) return false;
      if (waiting?.path === path && waiting.offset + waiting.sizeBytes === offset)
        waiting.sizeBytes += sizeBytes;
      else {
        putWaiting();
        waiting = { path, offset, sizeBytes };
      }
      return true;
    },
    end() {
      putWaiting();
      flush();
      write(encodeBlockHead(0, 0));
    },
  };
}

function encodeBlockHead(packedBytes: number, plainBytes: number): Buffer {
  const head = Buffer.alloc(blockHeadBytes);
  head.writeUInt32BE(packedBytes, 0);
  head.writeUInt32BE(plainBytes, 4);
  return head;
}

/** Returns undefined for the end. @throws invalid */
export function decodeBlockHead(head: Buffer): { packedBytes: number; plainBytes: number } | undefined {
  if (head.length !== blockHeadBytes) throw malformed();
  const [packedBytes, plainBytes] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  if (packedBytes === 0 && plainBytes === 0) return undefined;
  const isFair = (bytes: number) => bytes > 0 && bytes <= blockLimitBytes;
  if (!isFair(packedBytes) || !isFair(plainBytes)) throw malformed();
  return { packedBytes, plainBytes };
}

/** @throws invalid */
export function* decodeBlock(packed: Buffer, plainBytes: number): Generator<FramePart> {
  let block: Buffer;
  try {
    block = zstdDecompressSync(packed, { maxOutputLength: plainBytes });
  } catch (error) {
    throw malformed(error);
  }
  if (block.length !== plainBytes) throw malformed();
  for (let at = 0; at < block.length; ) {
    const tag = block[at];
    if (tag === bytesTag && at + 5 <= block.length) {
      const end = at + 5 + block.readUInt32BE(at + 1);
      if (end > block.length) throw malformed();
      yield { kind: "bytes", bytes: block.subarray(at + 5, end) };
      at = end;
    } else if (tag === contentTag && at + 15 <= block.length) {
      const pathEnd = at + 3 + block.readUInt16BE(at + 1);
      if (pathEnd + 12 > block.length) throw malformed();
      const path = block.toString("latin1", at + 3, pathEnd);
      const [offset, sizeBytes] = [block.readUIntBE(pathEnd, 6), block.readUIntBE(pathEnd + 6, 6)];
      yield { kind: "content", path, offset, sizeBytes };
      at = pathEnd + 12;
    } else throw malformed();
  }
}

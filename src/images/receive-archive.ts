import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import type { MessagePort } from "node:worker_threads";
import { hasCode, internal, messageOf } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { createTarReader } from "../formats/tar/tar-reader.ts";
import { readJobInput } from "../sys/job-input.ts";
import { assembleStart } from "../trees/assemble.ts";
import { createExtraction } from "../trees/extract.ts";
import { createFrameFile, type FrameFile } from "../trees/frame-file.ts";
import { createFrameRecorder } from "../trees/record-frame.ts";
import { removePath } from "../trees/remove.ts";

/** A layer's plain archive that comes from the daemon's own thread. */
export interface ArchiveStream {
  /** For `readJobInput`. */
  input: MessagePort;
  /** The new folder to unpack into. */
  target: string;
  /** A new file for its frame. */
  framePath: string;
  /** A new file for the archive itself, where it cannot be had from frame and files. */
  wholePath: string;
}

export interface ReceivedArchive {
  digest: Digest;
  archiveBytes: number;
  /** Of file content. Absent: it is in the file `wholePath`, and there is neither folder nor frame. */
  sizeBytes?: number;
}

/**
 * Unpacks an archive as it comes, so that it is never on the disk twice. One that cannot be unpacked, or brings something twice, may
 * still be wanted as it is: then it is put together again from what there is so far, and the rest goes after it. When it throws, there
 * is nothing. Blocks its thread now and then: for a worker.
 */
export async function receiveArchive(stream: ArchiveStream): Promise<ReceivedArchive> {
  const { input, wholePath } = stream;
  const unpacking = beginUnpacking(stream);
  const hash = createHash("sha256");
  let whole: number | undefined;
  let archiveBytes = 0;
  try {
    const giveUp = (error: unknown) => {
      if (isFull(error)) throw error;
      whole = openSync(wholePath, "wx", 0o600);
      for (const piece of unpacking.takeBack()) writeAll(whole, piece);
    };
    for await (const chunk of readJobInput(input)) {
      hash.update(chunk);
      archiveBytes += chunk.length;
      if (whole !== undefined) writeAll(whole, chunk);
      else attempt(() => unpacking.push(chunk), giveUp);
    }
    if (whole === undefined) attempt(() => unpacking.finish(), giveUp);
    const digest: Digest = `sha256:${hash.digest("hex")}`;
    if (whole !== undefined) return { digest, archiveBytes };
    unpacking.keep({ digest, sizeBytes: archiveBytes });
    return { digest, archiveBytes, sizeBytes: unpacking.sizeBytes };
  } catch (error) {
    unpacking.discard();
    rmSync(wholePath, { force: true });
    throw isFull(error) ? internal("failed to unpack: no space left on device", error) : error;
  } finally {
    input.close();
    unpacking.close();
    if (whole !== undefined) closeSync(whole);
  }
}

function beginUnpacking({ input, target, framePath }: ArchiveStream) {
  try {
    return createUnpacking(target, framePath);
  } catch (error) {
    input.close();
    removePath(target);
    rmSync(framePath, { force: true });
    throw isFull(error) ? internal("failed to unpack: no space left on device", error) : error;
  }
}

function attempt(work: () => void, otherwise: (error: unknown) => void): void {
  try {
    work();
  } catch (error) {
    otherwise(error);
  }
}

/** Also where an error says it in the words of who had it. */
function isFull(error: unknown): boolean {
  return hasCode(error, "ENOSPC") || /no space left on device$/.test(messageOf(error));
}

function writeAll(fd: number, piece: Buffer): void {
  for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done);
}

/** An archive on its way into a folder and a frame, from which it can be had back at any moment. */
function createUnpacking(target: string, framePath: string) {
  mkdirSync(target, { mode: 0o755 });
  const frame = createFrameFile(framePath);
  const rootFd = openSync(target, "r");
  const recorded = countRecorded(frame);
  const recorder = createFrameRecorder(recorded);
  const reader = createTarReader(undefined, recorder.framing);
  const onReplace = () => {
    throw internal("something is there twice");
  };
  const extraction = createExtraction({ rootFd, base: "", whiteouts: true, onReplace });
  /** What came and is not recorded yet, since it is only a part of something. */
  let ahead: Buffer = Buffer.alloc(0);

  return {
    push(chunk: Buffer): void {
      const heldFrom = recorded.bytesSoFar;
      ahead = ahead.length > 0 ? Buffer.concat([ahead, chunk]) : chunk;
      const held = ahead;
      try {
        for (const event of reader.push(chunk)) {
          extraction.take(event);
          recorder.take(event);
        }
      } finally {
        ahead = held.subarray(recorded.bytesSoFar - heldFrom);
      }
    },
    finish(): void {
      reader.finish();
      extraction.finish();
    },
    /** All that came so far. A piece is valid until the next one. In the end folder and frame are gone. */
    *takeBack(): Generator<Buffer> {
      const sizeBytes = recorded.bytesSoFar;
      frame.finish({ digest: `sha256:${"0".repeat(64)}`, sizeBytes });
      yield* assembleStart({ framePath, rootFd, sizeBytes });
      yield ahead;
      this.discard();
    },
    keep: frame.finish,
    get sizeBytes() {
      return extraction.sizeBytes;
    },
    discard(): void {
      extraction.close();
      removePath(target);
      rmSync(framePath, { force: true });
    },
    close(): void {
      extraction.close();
      frame.close();
      closeSync(rootFd);
    },
  };
}

/** How much of the archive a frame says. */
function countRecorded(frame: FrameFile) {
  let bytesSoFar = 0;
  return {
    bytes(piece: Buffer): void {
      frame.bytes(piece);
      bytesSoFar += piece.length;
    },
    content(path: string, offset: number, sizeBytes: number): boolean {
      const isTaken = frame.content(path, offset, sizeBytes);
      if (isTaken) bytesSoFar += sizeBytes;
      return isTaken;
    },
    get bytesSoFar() {
      return bytesSoFar;
    },
  };
}

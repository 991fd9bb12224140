import { createHash } from "node:crypto";
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, renameSync } from "node:fs";
import { hasCode, internal, messageOf } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { createTarReader, type TarEvent } from "../formats/tar/tar-reader.ts";
import { archiveEnd } from "../formats/tar/tar-writer.ts";
import { gatherInRing } from "../sys/file-ring.ts";
import type { CheckWanted } from "../sys/jobs.ts";
import { createExtraction } from "../trees/extract.ts";
import { createFrameFile } from "../trees/frame-file.ts";
import { packTree } from "../trees/pack.ts";
import { createFrameRecorder } from "../trees/record-frame.ts";
import { removePath } from "../trees/remove.ts";

/** A layer that was made here. */
export interface StagedTree {
  /** Of the archive that it packs to. */
  diffId: Digest;
  archiveBytes: number;
  /** Of file content. */
  sizeBytes: number;
}

export interface StageOptions {
  /** An overlay's. */
  upperDirectory: string;
  /** Becomes the layer's folder; on the same file system, where the upper directory is to be moved. */
  target: string;
  /** A new file for the frame of the archive, which is nowhere as a whole. */
  framePath: string;
  /** The upper directory is no longer in use: it becomes the layer. */
  isMoved: boolean;
  /** What was changed later than that was changed then, in seconds since the epoch. Of a copy only. */
  latestSeconds?: number;
}

/**
 * Makes a layer of what is in an overlay's upper directory, in one pass over its files. Blocks its thread: for a worker. When it
 * throws, there is neither `target` nor frame.
 * @param checkWanted is called with all that is copied, and may throw
 */
export function stageTree(options: StageOptions, checkWanted: CheckWanted = () => {}): StagedTree {
  const { upperDirectory, target, framePath, isMoved } = options;
  try {
    if (isMoved) {
      const staged = recordTree(upperDirectory, framePath);
      renameSync(upperDirectory, target);
      // As every layer's is that was unpacked: what the archive says nothing of.
      chownSync(target, 0, 0);
      chmodSync(target, 0o755);
      return staged;
    }
    mkdirSync(target, { mode: 0o755 });
    return copyTree(options, checkWanted);
  } catch (error) {
    if (!isMoved) removePath(target);
    // Whichever of the two files it was.
    const isFull = hasCode(error, "ENOSPC") || /no space left on device$/.test(messageOf(error));
    throw isFull ? internal("failed to pack: no space left on device", error) : error;
  }
}

function copyTree(options: StageOptions, checkWanted: CheckWanted): StagedTree {
  const { upperDirectory, target, framePath, latestSeconds } = options;
  const rootFd = openSync(target, "r");
  const extraction = createExtraction({ rootFd, base: "", whiteouts: true });
  try {
    const copy = {
      take(event: TarEvent) {
        checkWanted();
        extraction.take(event);
      },
      finish() {
        extraction.finish();
        if (extraction.hasReplaced) throw internal("failed to pack: the files were moved meanwhile");
      },
    };
    return recordTree(upperDirectory, framePath, copy, latestSeconds);
  } finally {
    extraction.close();
    closeSync(rootFd);
  }
}

/** @param copy is given all there is, and may refuse it in the end */
function recordTree(
  upperDirectory: string,
  framePath: string,
  copy?: { take(event: TarEvent): void; finish(): void },
  latestSeconds?: number,
): StagedTree {
  const hash = createHash("sha256");
  const frame = createFrameFile(framePath);
  const recorder = createFrameRecorder(frame);
  const reader = createTarReader(undefined, recorder.framing);
  let [archiveBytes, sizeBytes] = [0, 0];
  try {
    for (const chunk of gatherInRing(packArchive(upperDirectory, latestSeconds))) {
      hash.update(chunk);
      archiveBytes += chunk.length;
      for (const event of reader.push(chunk)) {
        if (event.kind === "data") sizeBytes += event.data.length;
        copy?.take(event);
        recorder.take(event);
      }
    }
    reader.finish();
    copy?.finish();
    const diffId: Digest = `sha256:${hash.digest("hex")}`;
    frame.finish({ digest: diffId, sizeBytes: archiveBytes });
    return { diffId, archiveBytes, sizeBytes };
  } finally {
    frame.close();
  }
}

/** The archive of a layer. A piece is valid until the next one. */
export function* packArchive(upperDirectory: string, latestSeconds?: number): Generator<Buffer> {
  const rootFd = openSync(upperDirectory, "r");
  try {
    const clamp = latestSeconds !== undefined && { timeOf: notAfter(latestSeconds) };
    yield* packTree({ rootFd, path: "", name: "", whiteouts: true, ...clamp });
    yield archiveEnd;
  } finally {
    closeSync(rootFd);
  }
}

const notAfter = (latestSeconds: number) => (mtime: { seconds: number; nanoseconds: number }) =>
  mtime.seconds >= latestSeconds ? { seconds: latestSeconds, nanoseconds: 0 } : mtime;

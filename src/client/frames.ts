import type { Readable, Writable } from "node:stream";
import { hasCode } from "../errors.ts";
import { createFrameDecoder } from "../formats/stdcopy.ts";

/**
 * Copies a log or attach stream to its two ends until it is over, waiting for slow writers.
 * @throws Error in docker's words when one of them fails. One whose reader has gone is the end of it all.
 */
export async function copyOutput(
  source: Readable,
  isRaw: boolean,
  stdout: Writable,
  stderr: Writable,
): Promise<void> {
  const outputs = [createOutput(stdout, "/dev/stdout"), createOutput(stderr, "/dev/stderr")] as const;
  const [out, err] = outputs;
  const frames = createFrameDecoder((stream, chunk) => (stream === "stdout" ? out : err).write(chunk));
  try {
    for await (const chunk of source) {
      if (isRaw) out.write(chunk);
      else frames.push(chunk);
      for (const output of outputs) if (!(await output.isReady())) return;
    }
    // What was written last may fail as well.
    for (const output of outputs) await output.isFlushed();
  } finally {
    for (const output of outputs) output.leave();
  }
}

function createOutput(target: Writable, name: string) {
  let isBlocked = false;
  let unwritten = 0;
  let failure: Error | undefined;
  let wake = () => {};
  const goOn = () => {
    isBlocked = false;
    wake();
  };
  const fail = (error: Error) => {
    failure ??= error;
    goOn();
  };
  const onWritten = () => {
    unwritten--;
    wake();
  };
  // The last listener stays: a later failure is of no interest.
  target.on("drain", goOn).on("close", goOn).on("error", fail);

  async function waitWhile(isBusy: () => boolean): Promise<boolean> {
    while (!failure && !target.destroyed && isBusy())
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    if (!failure) return true;
    if (hasCode(failure, "EPIPE")) return false;
    if (failure.message.startsWith("write /dev/")) throw failure;
    throw new Error(`write ${name}: ${reasonOf(failure)}`, { cause: failure });
  }

  return {
    write(chunk: Buffer): void {
      if (failure || target.destroyed) return;
      unwritten++;
      if (!target.write(chunk, onWritten)) isBlocked = true;
    },
    /** Waits until more can be written. @returns false when the reader is gone. @throws Error */
    isReady: () => waitWhile(() => isBlocked),
    /** Waits until all is written; else as `isReady`. */
    isFlushed: () => waitWhile(() => unwritten > 0),
    leave: () => void target.off("drain", goOn).off("close", goOn),
  };
}

const reasonOf = (failure: Error) =>
  hasCode(failure, "ENOSPC") ? "no space left on device" : failure.message;

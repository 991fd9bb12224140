import { readSync } from "node:fs";
import type { OnReadOpts, Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";

const pieceBytes = 16 * 1024;
const pipeCapacityBytes = 1 << 20;

/** One for all streams, since a new one for each piece would keep the garbage collector busy. */
const pieceBuffer = Buffer.allocUnsafeSlow(pieceBytes);

export interface Intake {
  readonly stream: Socket;
  pause(): void;
  resume(): void;
  /**
   * Hands over what is there now, without waiting for more, and closes. At most what a pipe can hold: a process outside the
   * container may write for ever.
   */
  drain(): Promise<void>;
}

/**
 * Takes one piece of a stream with each turn of the event loop: of one that always has more, Node would otherwise take dozens of
 * big ones before it looked after anything else.
 * @param open makes the stream, with these options
 * @param fd the stream's own
 * @param onPiece a piece is valid only until it returns
 */
export function takeInTurns(
  open: (onread: OnReadOpts) => Socket,
  fd: number,
  onPiece: (piece: Buffer) => void,
): Intake {
  let isPaused = false;
  let isScheduled = false;

  function goOn(): void {
    isScheduled = false;
    if (!isPaused && !stream.destroyed) stream.resume();
  }

  function schedule(): void {
    if (!isScheduled) setImmediate(goOn);
    isScheduled = true;
  }

  const stream = open({
    buffer: pieceBuffer,
    callback(length) {
      onPiece(pieceBuffer.subarray(0, length));
      schedule();
      // No more of it in this turn.
      return false;
    },
  });
  stream.resume();

  return {
    stream,
    pause() {
      isPaused = true;
      stream.pause();
    },
    resume() {
      isPaused = false;
      schedule();
    },
    async drain() {
      isPaused = true;
      stream.pause();
      for (let left = pipeCapacityBytes; left > 0 && !stream.destroyed; await nextTurn()) {
        const length = readNow(fd);
        if (length === 0) break;
        left -= length;
        onPiece(pieceBuffer.subarray(0, length));
      }
      stream.destroy();
    },
  };
}

/** Reads without waiting. @returns zero at the end and when there is nothing now */
function readNow(fd: number): number {
  try {
    return readSync(fd, pieceBuffer);
  } catch {
    return 0;
  }
}

import { readSync } from "node:fs";
import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";

const pieceBytes = 16 * 1024;
const pipeCapacityBytes = 1 << 20;

export interface Intake {
  pause(): void;
  resume(): void;
  /**
   * Hands over what is there now, without waiting for more, and closes. From the pipe itself at most what one can hold: a process
   * outside the container may write for ever.
   */
  drain(): Promise<void>;
}

/**
 * Takes one piece of a stream with each turn of the event loop: of one that always has more, Node would otherwise take dozens of
 * big ones before it looked after anything else.
 * @param fd the stream's own
 */
export function takeInTurns(stream: Socket, fd: number, onPiece: (piece: Buffer) => void): Intake {
  let isPaused = false;
  let isScheduled = false;
  let rest: Buffer | undefined;

  function cutPiece(): Buffer | undefined {
    rest ??= stream.read() ?? undefined;
    const piece = rest?.subarray(0, pieceBytes);
    rest = rest && rest.length > pieceBytes ? rest.subarray(pieceBytes) : undefined;
    return piece;
  }

  function goOn(): void {
    isScheduled = false;
    if (isPaused) return;
    const piece = rest && cutPiece();
    if (!piece) {
      if (!stream.destroyed) stream.resume();
      return;
    }
    onPiece(piece);
    schedule();
  }

  function schedule(): void {
    if (!isScheduled) setImmediate(goOn);
    isScheduled = true;
  }

  function takeChunk(chunk: Buffer): void {
    stream.pause();
    rest = chunk;
    const piece = cutPiece();
    if (piece) onPiece(piece);
    schedule();
  }

  stream.on("data", takeChunk);

  return {
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
      // What is read by hand would come as an event too.
      stream.off("data", takeChunk).pause();
      // Also what the stream reads of itself meanwhile counts.
      let left = (rest?.length ?? 0) + stream.readableLength + pipeCapacityBytes;
      const takePiece = () => cutPiece() ?? (stream.destroyed ? undefined : readNow(fd));
      for (let piece = takePiece(); piece; piece = left > 0 ? takePiece() : undefined) {
        left -= piece.length;
        onPiece(piece);
        await nextTurn();
      }
      stream.destroy();
    },
  };
}

/** Reads without waiting. @returns undefined at the end and when there is nothing now */
function readNow(fd: number): Buffer | undefined {
  const piece = Buffer.allocUnsafe(pieceBytes);
  try {
    const length = readSync(fd, piece);
    return length > 0 ? piece.subarray(0, length) : undefined;
  } catch {
    return undefined;
  }
}

import { Socket } from "node:net";
import { takeInTurns } from "./turns.ts";

/**
 * Reads a pipe and keeps the beginning of what comes, so that its writer never waits.
 * @param readFd closed with `close`
 */
export function gatherOutput(readFd: number, keptBytes: number) {
  const kept: Buffer[] = [];
  let room = keptBytes;
  let isCut = false;
  const intake = takeInTurns(
    (onread) => new Socket({ fd: readFd, readable: true, writable: false, onread }),
    readFd,
    (piece) => {
      if (piece.length > room) isCut = true;
      if (room > 0) kept.push(Buffer.from(piece.subarray(0, room)));
      room -= Math.min(room, piece.length);
    },
  );
  intake.stream.on("error", () => intake.stream.destroy());
  return {
    /** With what is in the pipe now. */
    async take(): Promise<{ output: string; isCut: boolean }> {
      await intake.drain();
      return { output: Buffer.concat(kept).toString(), isCut };
    },
    close: () => void intake.stream.destroy(),
  };
}

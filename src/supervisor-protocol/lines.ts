import type { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";

/** Calls `onLine` for each line until it returns true ("the rest is not lines"); what is left is then pushed back. */
export function readLines(socket: Socket, onLine: (line: string) => boolean | undefined): void {
  const decoder = new StringDecoder("utf8");
  let pending = "";
  const onData = (chunk: Buffer) => {
    pending += decoder.write(chunk);
    for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
      const line = pending.slice(0, end);
      pending = pending.slice(end + 1);
      if (onLine(line)) {
        socket.off("data", onData);
        return;
      }
    }
  };
  socket.on("data", onData);
}

/**
 * Reads one line byte-exactly and leaves all that follows unread in the socket, which is then paused.
 * @returns the line, or undefined when the stream ended before one.
 */
export function readFirstLine(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const finish = (line: string | undefined) => {
      socket.off("data", onData).off("close", onClose).off("end", onClose);
      socket.pause();
      resolve(line);
    };
    const onClose = () => finish(undefined);
    const onData = (chunk: Buffer) => {
      const end = chunk.indexOf(0x0a);
      chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
      if (end < 0) return;
      const rest = chunk.subarray(end + 1);
      finish(Buffer.concat(chunks).toString());
      if (rest.length > 0) socket.unshift(rest);
    };
    socket.on("data", onData).on("close", onClose).on("end", onClose);
  });
}

import type { IncomingMessage } from "node:http";

const mostBytes = 16 << 20;
const mostMilliseconds = 5000;

/**
 * Reads on for a while after an answer that did not wait for the request's end, since a client that is still sending when the connection
 * is closed may never see the answer; then closes it.
 */
export function dropBody(input: IncomingMessage): void {
  const { socket } = input;
  let bytes = 0;
  const timer = setTimeout(() => socket.destroy(), mostMilliseconds);
  socket.once("close", () => clearTimeout(timer));
  input.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > mostBytes) socket.destroy();
  });
  input.on("error", () => {});
  input.resume();
}

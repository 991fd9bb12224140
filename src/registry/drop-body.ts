import type { IncomingMessage } from "node:http";

const mostBytes = 16 << 20;
const mostMilliseconds = 5000;

/**
 * Reads on for a while when the answer has not waited for the request's end, since a client that is still sending when the connection is
 * closed may never see the answer. Then it is time to close.
 */
export function dropBody(input: IncomingMessage, close: () => void): void {
  let bytes = 0;
  const timer = setTimeout(close, mostMilliseconds);
  const end = () => {
    clearTimeout(timer);
    close();
  };
  input.once("end", end).once("close", end).on("error", end);
  input.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > mostBytes) end();
  });
  input.resume();
}

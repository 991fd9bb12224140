import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Readable } from "node:stream";

const mostBytes = 16 << 20;
const mostMilliseconds = 5000;

/**
 * Reads on for a while when the answer has not waited for the request's end, since a client that is still sending when the connection is
 * closed may never see the answer. Then it is time to close.
 */
export function dropBody(input: Readable, close: () => void): void {
  let bytes = 0;
  let isOver = false;
  const end = () => {
    clearTimeout(timer);
    if (!isOver) close();
    isOver = true;
  };
  const timer = setTimeout(end, mostMilliseconds);
  input.once("end", end).once("close", end).on("error", end);
  input.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > mostBytes) end();
  });
  // A reader that has given up may still be piped to, and hold it back.
  input.unpipe().removeAllListeners("readable").resume();
}

/** Answers with an error in JSON, also a request that is still being sent: what comes of it is dropped, and the connection closed. */
export function sendRefusal(
  input: IncomingMessage,
  output: ServerResponse,
  { status, headers, body }: { status: number; headers: OutgoingHttpHeaders; body: string },
): void {
  output.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    ...headers,
    // What is still being sent is not read to its end.
    ...(!input.complete && { Connection: "close" }),
  });
  const content = input.method === "HEAD" ? "" : body;
  if (input.complete) output.end(content);
  else {
    output.write(content);
    dropBody(input, () => output.end());
  }
}

import { type IncomingMessage, ServerResponse } from "node:http";
import { dropBody } from "../sys/drop-body.ts";

/**
 * Has an answer that comes before the request's end wait for that: Node would close the connection at once or leave the rest unread,
 * and a client that is still sending might never see the answer.
 */
export function waitForBody(input: IncomingMessage, output: ServerResponse): void {
  const { "content-length": length = "0", "transfer-encoding": encoding } = input.headers;
  if (length === "0" && encoding === undefined) return;
  const end = output.end.bind(output) as (...words: unknown[]) => ServerResponse;
  output.end = ((...words: unknown[]) => {
    if (input.complete || input.destroyed) return end(...words);
    const [body] = words;
    if (typeof body === "string" || body instanceof Uint8Array) output.write(body);
    else output.flushHeaders();
    dropBody(input, () => end(() => input.complete || input.socket.destroySoon()));
    return output;
  }) as ServerResponse["end"];
}

/**
 * Has an answer come to its end before the request does: the client of a raw stream sends until it sees that end. Only the closing of
 * the connection waits for the rest. For an answer with `Connection: close`.
 */
export function endBeforeBody(input: IncomingMessage, output: ServerResponse): void {
  // Instead of the one that waits.
  output.end = ServerResponse.prototype.end;
  const { socket } = input;
  const close = socket.destroySoon.bind(socket);
  // Node calls it once the answer is written.
  socket.destroySoon = () => {
    if (input.complete || input.destroyed) close();
    else dropBody(input, close);
  };
}

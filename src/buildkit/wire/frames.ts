import type { Readable } from "node:stream";
import { invalid } from "../../errors.ts";

/* gRPC's framing of messages: a byte that says whether it is compressed, four for its length, the message (gRPC over HTTP/2). */

const prefixBytes = 5;
/** The same for what is sent and what is taken; BuildKit's. */
export const largestMessageBytes = 16 * 1024 * 1024;

export function encodeMessageFrame(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, prefixBytes);
  return frame;
}

/** The messages of a stream, each whole. @throws EngineError invalid for one that is compressed, too large or cut off */
export async function* decodeFrames(stream: Readable): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let wanted = prefixBytes;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes < wanted) continue;
    let rest = chunks.length === 1 ? chunk : Buffer.concat(chunks, bytes);
    for (wanted = nextBytes(rest); rest.length >= wanted; wanted = nextBytes(rest)) {
      if (wanted === prefixBytes && !isWhole(rest)) break;
      yield rest.subarray(prefixBytes, wanted);
      rest = rest.subarray(wanted);
    }
    chunks = [rest];
    bytes = rest.length;
  }
  if (bytes > 0) throw invalid("the stream ended within a message");
}

const isWhole = (rest: Buffer) => rest.length >= prefixBytes;

/** How many bytes there must be before the next message is whole, as far as can be said. */
function nextBytes(rest: Buffer): number {
  if (!isWhole(rest)) return prefixBytes;
  if (rest.readUInt8(0) !== 0) throw invalid("compressed messages are not supported");
  const length = rest.readUInt32BE(1);
  if (length > largestMessageBytes) throw invalid(`message of ${length} bytes is too large`);
  return prefixBytes + length;
}

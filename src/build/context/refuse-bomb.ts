import { invalid } from "../../errors.ts";

/** A compressed archive may come to this, as a layer may: bytes that are free, and its own size this often. */
const usual = { freeBytes: 4 * 1024 ** 3, ratio: 200 };

/**
 * Hands on what an archive was unpacked to, as long as it is in proportion.
 * @param receivedBytes of the archive so far @throws EngineError invalid
 */
export async function* refuseBomb(
  chunks: AsyncIterable<Buffer>,
  receivedBytes: () => number,
  { freeBytes, ratio } = usual,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    const received = receivedBytes();
    if (bytes > freeBytes + ratio * received)
      throw invalid(
        `the build context unpacks to more than ${bytes} bytes, and is itself ${received}: send it uncompressed if it is meant`,
      );
    yield chunk;
  }
}

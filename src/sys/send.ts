import type { Writable } from "node:stream";

/**
 * Writes what `source` gives to a client that may leave at any moment, and ends `output`. A piece is asked for only when
 * the one before it has been taken, so that its buffer may be used again. `source` is always closed, `output` is left to the
 * caller when this gives false or throws.
 * @returns false when the reader has left, whatever writing failed with
 * @throws only what `source` throws
 */
export async function sendTo(output: Writable, source: AsyncIterable<Uint8Array>): Promise<boolean> {
  for await (const piece of source) {
    if (!(await isTaken(output, (done) => output.write(piece, done)))) return false;
  }
  return isTaken(output, (done) => output.end(done));
}

/** A connection that is closed may never call back. */
function isTaken(output: Writable, send: (done: (error?: Error | null) => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    if (output.destroyed) return resolve(false);
    const hasLeft = () => settle(false);
    const settle = (taken: boolean) => {
      output.off("close", hasLeft).off("error", hasLeft);
      resolve(taken);
    };
    output.once("close", hasLeft).once("error", hasLeft);
    send((error) => settle(!error));
  });
}

/** The same source once its first piece is there: what fails before that has failed before anything was sent. @throws what `source` throws */
export async function withFirstPiece(source: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const pieces = source[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array> | undefined = await pieces.next();
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const piece = first ?? (await pieces.next());
        first = undefined;
        return piece;
      },
      return: async () => (await pieces.return?.()) ?? { done: true, value: undefined },
    }),
  };
}

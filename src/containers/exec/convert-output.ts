import { Transform } from "node:stream";
import { createFrameDecoder, encodeFrame, streams } from "../../formats/stdcopy.ts";

/** The supervisor sends a terminal's output as it is, and all other in frames. Undefined where that is what is wanted. */
export function convertOutput(isRaw: boolean, wantsRaw: boolean): Transform | undefined {
  if (isRaw === wantsRaw) return undefined;
  if (isRaw) {
    return new Transform({
      transform: (chunk: Buffer, _, done) => done(null, encodeFrame(streams.stdout, chunk)),
    });
  }
  const decoder = createFrameDecoder((_, chunk) => raw.push(chunk));
  const raw: Transform = new Transform({
    transform(chunk: Buffer, _, done) {
      try {
        decoder.push(chunk);
      } catch (error) {
        // The supervisor has given this client up.
        return done(error as Error);
      }
      done();
    },
  });
  return raw;
}

import { Readable } from "node:stream";
import { unavailable } from "../errors.ts";

/** What is read before it is asked for. */
const aheadBytes = 256 * 1024;

/**
 * A request's body for a reader that may give up: that ends the stream, and not the connection, on which the reason is sent.
 * @param patience milliseconds for which the client may send nothing that the reader waits for
 */
export function readUpload(input: Readable, patience?: number): Readable {
  let timer: NodeJS.Timeout | undefined;
  const rest = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  const expect = () => {
    rest();
    if (patience === undefined) return;
    timer = setTimeout(() => body.destroy(unavailable("the client did not send the rest in time")), patience);
  };
  const take = (chunk: Buffer) => {
    if (body.push(chunk)) {
      timer?.refresh();
      return;
    }
    rest();
    input.pause();
  };
  const body = new Readable({
    highWaterMark: aheadBytes,
    read() {
      expect();
      input.resume();
    },
    destroy(error, done) {
      rest();
      input.off("data", take).pause();
      done(error);
    },
  });
  // A handler that refuses the request may never read it.
  body.on("error", () => {});
  input
    .pause()
    .on("data", take)
    .once("end", () => {
      rest();
      body.push(null);
    })
    .once("error", (error) => body.destroy(error));
  return body;
}

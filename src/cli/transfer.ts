import { type Readable, Transform } from "node:stream";
import { formatSize } from "../formats/units.ts";
import type { Cli } from "./cli.ts";

const patienceMilliseconds = 1000;
const intervalMilliseconds = 200;

/**
 * Passes a stream on and, when it takes longer than a second and stderr is a terminal, shows there how far it is: one line,
 * redrawn, and gone at the end.
 */
export function showTransfer(cli: Cli, source: Readable, verb: string, totalBytes?: number): Readable {
  if (cli.stderr.isTTY !== true) return source;
  let doneBytes = 0;
  let hasShown = false;
  const show = () => {
    hasShown = true;
    const total = totalBytes === undefined ? "" : ` of ${formatSize(totalBytes, 3)}`;
    cli.stderr.write(`\r\x1b[K${verb} ${formatSize(doneBytes, 3)}${total}`);
  };
  let timer = setTimeout(() => {
    show();
    timer = setInterval(show, intervalMilliseconds);
  }, patienceMilliseconds);
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      doneBytes += chunk.length;
      done(null, chunk);
    },
  });
  counter.once("close", () => {
    clearTimeout(timer);
    if (hasShown) cli.stderr.write("\r\x1b[K");
  });
  source.once("error", (error) => counter.destroy(error));
  return source.pipe(counter);
}

import { isUtf8 } from "node:buffer";
import type { LogEntry } from "../formats/log-entry.ts";
import type { GatheredBytes } from "./gathered-bytes.ts";

const lineFeed = 0x0a;
const head = '{"log":"';

/** How a byte stands in JSON that does not stand there as it is: as `JSON.stringify` writes it. */
const escapes = Array.from({ length: 256 }, (_, byte) => {
  const text = byte < 0x80 ? JSON.stringify(String.fromCharCode(byte)).slice(1, -1) : "";
  return text.length > 1 ? Buffer.from(text) : undefined;
});
const isEscaped = Uint8Array.from(escapes, (written) => (written ? 1 : 0));

/**
 * Puts an entry of Docker's json-file log for each line into `target`, and one for what follows the last line feed, if there is
 * something. No string is made of a line: with a container that floods its output they would be more than the garbage collector
 * can take away in passing.
 * @param attributes the text of a JSON object
 * @param text not empty, in UTF-8; what is not becomes U+FFFD
 */
export function putLogEntries(
  text: Buffer,
  { stream, time, attributes }: Omit<LogEntry, "log" | "attrs"> & { attributes?: string | undefined },
  target: GatheredBytes,
): void {
  const valid = isUtf8(text) ? text : Buffer.from(text.toString());
  const more = attributes === undefined ? "" : `,"attrs":${attributes}`;
  const tail = `","stream":"${stream}"${more},"time":"${time}"}\n`;
  const betweenLines = Buffer.from(`\\n${tail}${head}`);
  const last = valid.length - 1;
  let plain = 0;
  target.put(Buffer.from(head));
  for (let index = 0; index <= last; index++) {
    const byte = valid[index]!;
    if (isEscaped[byte] === 0) continue;
    target.put(valid, plain, index);
    target.put(byte === lineFeed && index < last ? betweenLines : escapes[byte]!);
    plain = index + 1;
  }
  target.put(valid, plain);
  target.put(Buffer.from(tail));
}

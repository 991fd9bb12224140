import type { Readable } from "node:stream";

/** The objects of a stream of JSON lines (progress, events, stats). Bytes of one character may come in two chunks. */
export async function* readJsonLines<T>(source: Readable): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of source) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.trim() !== "") yield JSON.parse(line);
    }
  }
  if (rest.trim() !== "") yield JSON.parse(rest);
}

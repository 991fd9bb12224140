import type { Readable } from "node:stream";

/** The objects of a stream of JSON lines (progress, events, stats). Bytes of one character may come in two chunks. */
export async function* readJsonLines<T>(source: Readable): AsyncGenerator<T> {
  for await (const line of splitLines(source)) yield JSON.parse(line);
}

/** The lines that are not empty, without their ends. */
export async function* splitLines(source: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of source) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.trim() !== "") yield line.trim();
    }
  }
  if (rest.trim() !== "") yield rest.trim();
}

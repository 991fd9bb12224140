import type { ShownFile } from "./file-dialog.tsx";

/** More of a file is not shown. */
export const shownBytes = 1 << 20;

/** The beginning of a file, if it is text; the rest is not read. */
export async function readText(path: string, content: ReadableStream<Uint8Array>): Promise<ShownFile> {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  // To leave the loop ends the request.
  for await (const bytes of content) {
    if (bytes.includes(0)) return { path, text: undefined, isWhole: false };
    length += bytes.length;
    text += decoder.decode(bytes, { stream: true });
    if (length > shownBytes) break;
  }
  return { path, text: text.slice(0, shownBytes), isWhole: length <= shownBytes };
}

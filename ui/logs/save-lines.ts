import { saveBlob } from "../parts/download.ts";
import { plainText } from "./ansi.ts";
import type { LogLine } from "./line-store.ts";
import type { LogSource } from "./use-log.ts";

/** Has the browser keep the lines as a file of plain text. */
export function saveLines(sources: readonly LogSource[], lines: readonly LogLine[]): void {
  const name = (source: number) => (sources.length > 1 ? `${sources[source]?.name ?? ""} ` : "");
  const text = lines.map((line) => `${line.time} ${name(line.source)}${plainText(line.text)}\n`);
  saveBlob(new Blob(text, { type: "text/plain" }), `${sources.map((one) => one.name).join("-")}.log`);
}

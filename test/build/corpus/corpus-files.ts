import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Files of a context, by path. */
export type CorpusFiles = Record<
  string,
  { text?: string; base64?: string; link?: string; mode?: string; directory?: string }
>;

export function writeCorpusFiles(place: string, files: CorpusFiles): void {
  mkdirSync(place, { recursive: true });
  const modes: [string, string][] = [];
  for (const [path, { text, base64, link, mode, directory }] of Object.entries(files)) {
    const full = join(place, path);
    mkdirSync(directory ? full : dirname(full), { recursive: true });
    if (directory) modes.push([full, directory]);
    else if (link !== undefined) symlinkSync(link, full);
    else writeFileSync(full, base64 === undefined ? (text ?? "") : Buffer.from(base64, "base64"));
    if (mode) modes.push([full, mode]);
  }
  for (const [path, mode] of modes) chmodSync(path, Number.parseInt(mode, 8));
}

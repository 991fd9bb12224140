import { invalid } from "../../errors.ts";
import { bytesOfText, textOfBytes } from "../../formats/tar/tar-entry.ts";
import type { ClientSession } from "../client-session.ts";
import { createEntryCheck, mostSmallBytes } from "../context/check-entry.ts";
import type { ContextEntry } from "../context/entry.ts";

const mostEntries = 1000;

/**
 * Reads a few small files of a client's directory. Those that are not there are left out; a link is followed within the directory.
 * @throws EngineError invalid for one that is too large
 */
export async function readSmallFiles(
  session: ClientSession,
  directory: string,
  paths: readonly string[],
  options: { signal: AbortSignal; onBytes(bytes: number): void },
): Promise<Map<string, string>> {
  const entries: ContextEntry[] = [];
  const contents = new Map<number, Buffer[]>();
  const check = createEntryCheck();
  let bytes = 0;
  await session.readDirectory(
    { name: directory, followPaths: paths },
    {
      entry(entry) {
        check(entry);
        if (entries.length >= mostEntries) throw invalid(`too many files were sent for ${paths[0]}`);
        const number = entries.push(entry) - 1;
        if (entry.type !== "file") return false;
        if (entry.sizeBytes > mostSmallBytes) throw invalid(`${textOfBytes(entry.path)} is too large`);
        contents.set(number, []);
        return true;
      },
      data(number, piece) {
        bytes += piece.length;
        if (bytes > mostSmallBytes * 2) throw invalid(`the files of ${directory} are too large`);
        contents.get(number)?.push(piece);
        options.onBytes(bytes);
        return undefined;
      },
      end: () => undefined,
    },
    options.signal,
  );
  const found = new Map<string, string>();
  for (const path of paths) {
    const number = follow(entries, bytesOfText(path));
    const pieces = number === undefined ? undefined : contents.get(number);
    if (pieces) found.set(path, Buffer.concat(pieces).toString());
  }
  return found;
}

/** The number of the file that a path leads to. */
function follow(entries: readonly ContextEntry[], path: string): number | undefined {
  let wanted = path;
  for (let links = 0; links < 40; links++) {
    const number = entries.findIndex((entry) => entry.path === wanted);
    const entry = entries[number];
    if (entry?.type !== "symlink") return number < 0 ? undefined : number;
    const target = entry.linkName ?? "";
    const base = target.startsWith("/") ? [] : wanted.split("/").slice(0, -1);
    for (const name of target.split("/")) {
      if (name === "" || name === ".") continue;
      if (name === "..") base.pop();
      else base.push(name);
    }
    wanted = base.join("/");
  }
  return undefined;
}

import { invalid } from "../../errors.ts";
import { type ByteString, textOfBytes } from "../../formats/tar/tar-entry.ts";
import type { OutgoingEntry } from "../client-session.ts";

/** The entries of one platform's root file system, in order: what is in a directory comes right after it, siblings by name. */
export interface EntrySource {
  platform: string;
  entries: AsyncGenerator<OutgoingEntry>;
}

/** Several root file systems as one. Directories may be in more than one of them. @throws EngineError invalid in BuildKit's words for other things */
export async function* mergeEntries(sources: readonly EntrySource[]): AsyncGenerator<OutgoingEntry> {
  const heads = await Promise.all(
    sources.map(async (source) => ({
      ...source,
      next: (await source.entries.next()).value as OutgoingEntry | undefined,
    })),
  );
  try {
    for (;;) {
      const left = heads.flatMap((head) => (head.next ? [{ head, ...head.next }] : []));
      const [first] = left.toSorted((a, b) => compareEntryPaths(a.entry.path, b.entry.path));
      if (!first) return;
      const same = left.filter(({ entry }) => entry.path === first.entry.path);
      const [one, other] = same;
      if (one && other && same.some(({ entry }) => entry.type !== "directory"))
        throw invalid(
          `cannot overwrite ${textOfBytes(first.entry.path)} from ${one.head.platform} with ${other.head.platform} when split option is disabled`,
        );
      yield first.content ? { entry: first.entry, content: first.content } : { entry: first.entry };
      for (const { head } of same) head.next = (await head.entries.next()).value as OutgoingEntry | undefined;
    }
  } finally {
    for (const { entries } of heads) await entries.return(undefined);
  }
}

/** As if a slash came before all other characters. */
function compareEntryPaths(a: ByteString, b: ByteString): number {
  const [left, right] = [a, b].map((path) => path.replaceAll("/", "\0")) as [string, string];
  return left < right ? -1 : left > right ? 1 : 0;
}

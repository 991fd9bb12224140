import { posix } from "node:path";
import type { Readable } from "node:stream";
import { invalid } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { type ByteString, bytesOfText, textOfBytes } from "../formats/tar-entry.ts";
import { splitPath } from "../sys/safe-path.ts";
import { readArchiveEvents, readEntryData } from "./archive-entries.ts";
import type { Blobs, SpooledBlob } from "./blobs.ts";

/** The files of an image archive, spooled to the blob store's temporary folder. */
export interface ArchiveFiles {
  /** Follows links inside the archive. */
  find(name: string): SpooledBlob | undefined;
  all(): Iterable<SpooledBlob>;
}

const namedByDigest = /^(?:blobs\/sha256\/([0-9a-f]{64})|([0-9a-f]{64})\.json)$/;
const entryLimit = 50_000;
const linkLimit = 8;

/**
 * Spools every file of a docker-archive or OCI layout, in whatever order they come. A file whose name is a digest must
 * have it. Nothing stays when it throws.
 * @throws invalid for a damaged archive or a wrong digest
 */
export async function spoolArchive(input: Readable, blobs: Blobs): Promise<ArchiveFiles> {
  const files = new Map<ByteString, SpooledBlob>();
  const links = new Map<ByteString, ByteString>();
  const events = readArchiveEvents(input);
  try {
    for (let next = await events.next(); !next.done; next = await events.next()) {
      if (next.value.kind !== "entry") continue;
      const { entry } = next.value;
      const name = splitPath(entry.name)?.join("/");
      if (name === undefined) throw invalid(`invalid archive: ${textOfBytes(entry.name)} is outside of it`);
      if (files.size + links.size >= entryLimit) throw invalid("invalid archive: too many files");
      if (entry.type === "symlink") links.set(name, posix.join(posix.dirname(name), entry.linkName ?? ""));
      else if (entry.type === "link") links.set(name, posix.normalize(entry.linkName ?? ""));
      else if (entry.type === "file") {
        const previous = files.get(name);
        const digits = namedByDigest.exec(name);
        const expected: Digest | undefined = digits ? `sha256:${digits[1] ?? digits[2]}` : undefined;
        files.set(name, await blobs.spool(readEntryData(events), expected));
        if (previous) await blobs.discard(previous);
      }
    }
  } catch (error) {
    for (const file of files.values()) await blobs.discard(file);
    throw error;
  } finally {
    await events.return();
  }
  return {
    find(name) {
      let target = posix.normalize(bytesOfText(name));
      for (let hops = 0; hops <= linkLimit; hops++) {
        const file = files.get(target);
        if (file) return file;
        target = links.get(target) ?? "";
      }
      return undefined;
    },
    all: () => files.values(),
  };
}

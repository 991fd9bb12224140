import { posix } from "node:path";
import type { Readable } from "node:stream";
import { invalid } from "../../errors.ts";
import type { Digest } from "../../formats/digest.ts";
import { type ByteString, bytesOfText, textOfBytes } from "../../formats/tar/tar-entry.ts";
import { splitPath } from "../../sys/safe-path.ts";
import { wrongDigest } from "../store/blobs.ts";
import { beginsPlainArchive, readArchiveEvents, readEntryData } from "./archive-entries.ts";
import { type ArchiveFile, type ArchiveStore, discardFile, stageArchive } from "./archive-file.ts";

/** The files of an image archive, beside the store. */
export interface ArchiveFiles {
  /** Follows links inside the archive. */
  find(name: string): ArchiveFile | undefined;
  all(): Iterable<ArchiveFile>;
}

const namedByDigest = /^(?:blobs\/sha256\/([0-9a-f]{64})|([0-9a-f]{64})\.json)$/;
const entryLimit = 50_000;
const linkLimit = 8;
/** What is smaller may well be on the disk twice for a moment. */
const leastStagedBytes = 1024 * 1024;
/** Of a name in it: an image archive has no long ones, and all are kept. */
const nameLimitBytes = 4096;

/**
 * Takes in every file of a docker-archive or OCI layout, in whatever order they come: what may be a layer's plain archive is unpacked,
 * the others are spooled. A file whose name is a digest must have it. Nothing stays when it throws.
 * @throws invalid for a damaged archive or a wrong digest
 */
export async function takeArchive(input: Readable, store: ArchiveStore): Promise<ArchiveFiles> {
  const { blobs } = store;
  const files = new Map<ByteString, ArchiveFile>();
  const links = new Map<ByteString, ByteString>();
  const events = readArchiveEvents(input);
  try {
    for (let next = await events.next(); !next.done; next = await events.next()) {
      if (next.value.kind !== "entry") continue;
      const { entry } = next.value;
      const name = splitPath(entry.name)?.join("/");
      if (name === undefined)
        throw invalid(`invalid tar entry ${JSON.stringify(textOfBytes(entry.name))}: path escapes the root`);
      if (name.length > nameLimitBytes || (entry.linkName ?? "").length > nameLimitBytes)
        throw invalid("invalid archive: a name in it is too long");
      if (files.size + links.size >= entryLimit) throw invalid("invalid archive: too many files");
      if (entry.type === "symlink") links.set(name, posix.join(posix.dirname(name), entry.linkName ?? ""));
      else if (entry.type === "link") links.set(name, posix.normalize(entry.linkName ?? ""));
      else if (entry.type === "file") {
        const previous = files.get(name);
        const digits = namedByDigest.exec(name);
        const expected: Digest | undefined = digits ? `sha256:${digits[1] ?? digits[2]}` : undefined;
        files.set(name, await takeFile(readEntryData(events), entry.sizeBytes, expected, store));
        if (previous) await discardFile(previous, blobs);
      }
    }
  } catch (error) {
    for (const file of files.values()) await discardFile(file, blobs);
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

async function takeFile(
  data: AsyncGenerator<Buffer, void>,
  sizeBytes: number,
  expected: Digest | undefined,
  store: ArchiveStore,
): Promise<ArchiveFile> {
  const { blobs } = store;
  if (sizeBytes < leastStagedBytes) return blobs.spool(data, expected);
  const { isIt, all } = await beginsPlainArchive(data);
  if (!isIt) return blobs.spool(all, expected);
  const file = await stageArchive(all, store);
  if (expected === undefined || file.digest === expected) return file;
  await discardFile(file, blobs);
  throw wrongDigest(expected, file.digest);
}

import { Readable } from "node:stream";
import { EngineError } from "../../errors.ts";
import type { ByteString } from "../../formats/tar/tar-entry.ts";
import { createTarReader } from "../../formats/tar/tar-reader.ts";
import { decompress } from "../../trees/decompress.ts";
import { createExtraction } from "../../trees/extract.ts";
import type { SourceTree } from "../context/source-tree.ts";
import type { FileOwner } from "./copy-action.ts";

/** Throws when the work is no longer wanted. A small piece of what is compressed may come to any number of chunks. */
type Check = () => void;

/** Whether a file is a tar archive, compressed or not, by its beginning. @throws what `check` throws */
export async function isArchive(tree: SourceTree, path: ByteString, check: Check): Promise<boolean> {
  const output = await openPlain(tree, path);
  const reader = createTarReader();
  try {
    for await (const chunk of output) {
      check();
      for (const event of reader.push(chunk as Buffer)) if (event.kind === "entry") return true;
      // Zeros, as images of disks begin with.
      if (reader.isOver) return false;
    }
    return false;
  } catch (error) {
    if (error instanceof EngineError) return false;
    throw error;
  } finally {
    output.destroy();
  }
}

/**
 * Unpacks an archive below a directory that is there.
 * @throws EngineError invalid for one that leads outside, or is broken; what `check` throws
 */
export async function unpackArchive(
  rootFd: number,
  tree: SourceTree,
  path: ByteString,
  { base, owner }: { base: ByteString; owner?: FileOwner },
  check: Check,
): Promise<void> {
  const output = await openPlain(tree, path);
  const reader = createTarReader();
  const writer = createExtraction({
    ...{ rootFd, base, whiteouts: false, setsRoot: false },
    ...(owner && { owner }),
  });
  try {
    for await (const chunk of output) {
      check();
      for (const event of reader.push(chunk as Buffer)) writer.take(event);
    }
    reader.finish();
    writer.finish();
  } finally {
    writer.close();
    output.destroy();
  }
}

async function openPlain(tree: SourceTree, path: ByteString): Promise<Readable> {
  const { output } = await decompress(Readable.from(copies(tree.read(path))));
  return output;
}

function* copies(pieces: Iterable<Buffer>): Generator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

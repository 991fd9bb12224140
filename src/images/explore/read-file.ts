import { notFound } from "../../errors.ts";
import { bytesOfText } from "../../formats/tar/tar-entry.ts";
import { openMergedRoot } from "../../trees/merged.ts";
import { readDescriptor } from "../plain-archive.ts";

/**
 * The bytes of a file as a container would read it there. A piece is valid until the next one. Synchronous, for a worker thread.
 * @param directories topmost first @throws notFound; invalid for too many links
 */
export function* readLayeredFile(directories: readonly string[], path: string): Generator<Buffer> {
  const root = openMergedRoot(directories);
  try {
    const fd = root.findFile(bytesOfText(path));
    if (fd === undefined) throw notFound(`there is no file ${path} in this layer or below it`);
    yield* readDescriptor(fd);
  } finally {
    root.close();
  }
}

import { parseReference } from "../../formats/reference.ts";

/** A context that comes as an archive: compressed or not, or a Dockerfile alone. */
export interface ContextArchive {
  chunks: AsyncIterable<Uint8Array>;
  /** Names it over several builds, so that what it has in common with the last one need not be stored again. */
  key: string;
}

/**
 * For a client that says nothing of where its files are: the same image is mostly made of the same ones. Tags come and go.
 * @param names of the image, valid ones. @param filename the Dockerfile's
 */
export function nameArchive([name = ""]: readonly string[], filename: string): string {
  const { domain, path } = name === "" ? { domain: "", path: "" } : parseReference(name);
  return JSON.stringify(["archive", domain, path, filename]);
}

/**
 * Milliseconds for which the sender of an archive may send nothing. Other builds wait for the room that it takes up, but it may send what
 * comes out of a pipe, which waits for something itself.
 */
export const archivePatience = 15 * 60_000;

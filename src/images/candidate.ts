import { readFile } from "node:fs/promises";
import { invalid } from "../errors.ts";
import type { Descriptor } from "../formats/oci-manifest.ts";
import type { Reference } from "../formats/reference.ts";
import type { ArchiveFile } from "./archive/archive-file.ts";
import type { ArchiveFiles } from "./archive/archive-read.ts";
import type { SpooledBlob } from "./store/blobs.ts";
import type { ManifestRecord } from "./store/kinds.ts";

/** What an image is run from, in an archive. */
export interface CandidateContent {
  config: SpooledBlob;
  layers: { file: ArchiveFile; mediaType: string }[];
}

/** A manifest that an archive lists, with its file where it has that and all it names. */
export interface CandidateManifest {
  descriptor: Descriptor;
  kind: ManifestRecord["kind"];
  file?: SpooledBlob;
  content?: CandidateContent;
  /** Of what is no image to run. */
  parts?: ArchiveFile[];
}

/** An image with a manifest or index of its own in an archive. */
export interface CandidateTarget {
  descriptor: Descriptor;
  /** Itself and the indexes within it. */
  files: SpooledBlob[];
  indexes: Descriptor[];
  manifests: CandidateManifest[];
}

/** An image in an archive: its files are spooled, nothing of it is in the store yet. */
export interface Candidate {
  /** Where there is none, one is made of the content. */
  target?: CandidateTarget;
  /** The one to use when no platform is asked for. */
  content: CandidateContent;
  names: Reference[];
  /** The digest of the config of the image that it was committed from. */
  parent?: string;
}

/** All of it that is to be run. */
export function contentsOf({ target, content }: Candidate): CandidateContent[] {
  return target ? target.manifests.flatMap((manifest) => manifest.content ?? []) : [content];
}

const documentLimitBytes = 8 * 1024 * 1024;

/** @throws invalid when it is too large for a document, or none */
export async function readArchiveDocument(file: ArchiveFile): Promise<string> {
  checkSize(file);
  return readFile(file.path, "utf8");
}

export function checkSize(file: ArchiveFile): void {
  if (file.staged) throw invalid("invalid archive: a document in it is an archive");
  if (file.sizeBytes > documentLimitBytes) throw invalid("invalid archive: a document in it is too large");
}

/** @throws invalid when the archive has no such file */
export function getFile(files: ArchiveFiles, name: string): ArchiveFile {
  const file = files.find(name);
  if (!file) throw invalid(`invalid archive: ${JSON.stringify(name)} is missing`);
  return file;
}

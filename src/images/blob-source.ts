import { notFound } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import type { StoredBlob } from "./plain-archive.ts";
import type { BlobStore } from "./store/blobs.ts";

/** Where the layers are. */
interface LayerFolders {
  directoryWith(diffId: Digest): string | undefined;
}

/** How a blob can be had now; blob and layers are to be protected as long as it is used. @throws notFound */
export function findBlob(
  { blobs, layers }: { blobs: BlobStore; layers: LayerFolders },
  digest: Digest,
): StoredBlob {
  if (blobs.isWhole(digest)) return { path: blobs.path(digest) };
  const directory = layers.directoryWith(digest);
  if (directory === undefined || !blobs.hasFrame(digest)) throw notFound(`blob ${digest} not found`);
  return { assembly: { framePath: blobs.framePath(digest), directory, digest } };
}

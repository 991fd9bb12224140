import { rm, writeFile } from "node:fs/promises";
import type { Digest } from "../../formats/digest.ts";
import { createGrowth } from "../../sys/growing-file.ts";
import type { ImageRecord } from "../store/kinds.ts";
import { type PackedImage, withPackedImage } from "./pack-image.ts";
import {
  explainForPush,
  type PushContext,
  type PushedManifest,
  publishBlobs,
  publishConfig,
} from "./publish-content.ts";

/**
 * Has the registry get all that an image consists of that was made here. Its layers go compressed, so its manifests are others than
 * here, and what is said of them is said of those.
 * @returns what is to be put under a tag
 */
export async function publishBuilt(context: PushContext, image: ImageRecord): Promise<PushedManifest> {
  const { store, signal, packing } = context;
  try {
    return await withPackedImage(store, image, packing, signal, (packed) => publishPacked(context, packed));
  } catch (error) {
    throw explainForPush(error);
  }
}

async function publishPacked(
  context: PushContext,
  { target, images, statements, documents }: PackedImage,
): Promise<PushedManifest> {
  const put = ({ digest, mediaType }: PackedImage["target"]) =>
    context.publication.putManifest(digest, mediaType, documents.get(digest) as string, context.signal);
  for (const { manifest, descriptor, layers } of images) {
    await publishBlobs(context, layers, manifest.content.config.rootfs.diff_ids);
    await publishConfig(context, manifest.content.configDigest);
    if (descriptor.digest !== target.digest) await put(descriptor);
  }
  for (const { descriptor, parts } of statements) {
    for (const { digest } of parts) await upload(context, digest, documents.get(digest) as string);
    await put(descriptor);
  }
  return { mediaType: target.mediaType, text: documents.get(target.digest) as string };
}

async function upload(
  { store, publication, signal }: PushContext,
  digest: Digest,
  text: string,
): Promise<void> {
  if (await publication.hasBlob(digest, signal)) return;
  const path = store.blobs.temporaryPath();
  try {
    await writeFile(path, text, { flag: "wx", mode: 0o600 });
    await publication.upload({ digest, sizeBytes: Buffer.byteLength(text), path }, createGrowth(), signal);
  } finally {
    await rm(path, { force: true });
  }
}

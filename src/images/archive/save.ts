import { EngineError, notFound } from "../../errors.ts";
import { isDigest } from "../../formats/digest.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { formatReference, parseReference, type Reference } from "../../formats/reference.ts";
import { blobsOf, layersOf } from "../image-index.ts";
import type { ImageJobs } from "../jobs.ts";
import { restrictTo } from "../select-manifest.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { ImageCatalog, ImageRecord } from "../store/catalog.ts";
import type { Layers } from "../store/layers.ts";
import type { SavedImage } from "./archive-content.ts";
import { type SavedArchive, saveArchive } from "./archive-write.ts";

/**
 * `docker save`: an id gives an image without a name, a name without a tag all tags of the repository.
 * @throws notFound before anything is sent
 */
export async function saveImages(
  names: readonly string[],
  store: { blobs: BlobStore; catalog: ImageCatalog; layers: Layers; jobs: ImageJobs },
  publish: (id: string) => void,
  platforms: readonly Platform[] = [],
): Promise<SavedArchive> {
  const saved = selectImages(names, store.catalog).map(({ image, ...saved }) => ({
    ...saved,
    image: platforms.length > 0 ? restrict(image, platforms, saved.asked) : image,
  }));
  const archive = await saveProtected(saved, store);
  for (const { image } of saved) publish(image.id);
  return archive;
}

/** What is saved stays until it has been read, or given up. */
async function saveProtected(
  saved: readonly SavedImage[],
  store: { blobs: BlobStore; catalog: ImageCatalog; layers: Layers; jobs: ImageJobs },
): Promise<SavedArchive> {
  const needed = saved.flatMap(({ image }) => [...blobsOf(image), ...layersOf(image)]);
  const ready = Promise.withResolvers<SavedArchive>();
  const written = Promise.withResolvers<void>();
  // The images may be removed while they are sent: their blobs stay until then.
  void store.catalog
    .protect(needed, async () => {
      ready.resolve(await saveArchive(saved, store));
      await written.promise;
    })
    .catch(ready.reject);
  return closing(await ready.promise, written.resolve);
}

function restrict(image: ImageRecord, platforms: readonly Platform[], asked: string): ImageRecord {
  try {
    return restrictTo(image, platforms, asked);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(error.kind, `no suitable export target found: ${error.message}`, error);
  }
}

async function* closing(archive: SavedArchive, close: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* archive;
  } finally {
    close();
  }
}

function selectImages(names: readonly string[], catalog: ImageCatalog): (SavedImage & { asked: string })[] {
  const saved = new Map<string, SavedImage & { asked: string }>();
  const found = names.flatMap((name) => resolve(name, catalog).map((one) => ({ ...one, asked: name })));
  for (const { id, reference, asked } of found) {
    const entry = saved.get(id) ?? { image: catalog.get(id), names: [], asked };
    saved.set(id, entry);
    const isNew =
      reference && !entry.names.some((other) => formatReference(other) === formatReference(reference));
    if (isNew) entry.names.push(reference);
  }
  return [...saved.values()];
}

function resolve(name: string, catalog: ImageCatalog): { id: string; reference?: Reference }[] {
  const image = catalog.find(name);
  const isId = image?.id.startsWith(name) || image?.id.startsWith(`sha256:${name}`);
  const reference = isId || isDigest(name) ? undefined : parseReference(name);
  if (reference && !reference.tag && !reference.digest) {
    const tags = catalog.references.tagsOf(reference);
    if (tags.length > 0) return tags;
  }
  if (!image) {
    if (/^sha256:[0-9a-f]+$/.test(name)) throw notFound(`No such image: ${name}`);
    const isFull = reference?.tag !== undefined || reference?.digest !== undefined;
    throw notFound(isFull ? "reference does not exist" : `No such image: ${name}`);
  }
  const { id } = image;
  return reference?.tag ? [{ id, reference }] : [{ id }];
}

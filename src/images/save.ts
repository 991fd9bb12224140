import { isDigest } from "../formats/digest.ts";
import { formatReference, parseReference, type Reference } from "../formats/reference.ts";
import { type SavedArchive, type SavedImage, saveArchive } from "./archive-write.ts";
import type { Blobs } from "./blobs.ts";
import type { Catalog } from "./catalog.ts";

/**
 * `docker save`: an id gives an image without a name, a name without a tag all tags of the repository.
 * @throws notFound before anything is sent
 */
export async function saveImages(
  names: readonly string[],
  { blobs, catalog }: { blobs: Blobs; catalog: Catalog },
  publish: (id: string) => void,
): Promise<SavedArchive> {
  const saved = selectImages(names, catalog);
  const needed = saved.flatMap(({ image }) => [
    image.id,
    ...image.blobs.map(({ digest }) => digest),
    ...(image.manifest ? [image.manifest.digest] : []),
  ]);
  const ready = Promise.withResolvers<SavedArchive>();
  const written = Promise.withResolvers<void>();
  // The images may be removed while they are sent: their blobs stay until then.
  void catalog
    .protect(needed, async () => {
      ready.resolve(await saveArchive(saved, blobs));
      await written.promise;
    })
    .catch(ready.reject);
  const archive = await ready.promise;
  for (const { image } of saved) publish(image.id);
  return { writeTo: (output) => archive.writeTo(output).finally(written.resolve) };
}

function selectImages(names: readonly string[], catalog: Catalog): SavedImage[] {
  const saved = new Map<string, SavedImage>();
  for (const { id, reference } of names.flatMap((name) => resolve(name, catalog))) {
    const entry = saved.get(id) ?? { image: catalog.get(id), names: [] };
    saved.set(id, entry);
    const isNew =
      reference && !entry.names.some((other) => formatReference(other) === formatReference(reference));
    if (isNew) entry.names.push(reference);
  }
  return [...saved.values()];
}

function resolve(name: string, catalog: Catalog): { id: string; reference?: Reference }[] {
  const image = catalog.find(name);
  const isId = image?.id.startsWith(name) || image?.id.startsWith(`sha256:${name}`);
  const reference = isId || isDigest(name) ? undefined : parseReference(name);
  if (reference && !reference.tag && !reference.digest) {
    const tags = catalog.references.tagsOf(reference);
    if (tags.length > 0) return tags;
  }
  const { id } = catalog.get(name);
  return reference?.tag ? [{ id, reference }] : [{ id }];
}

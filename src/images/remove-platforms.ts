import { conflict } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import type { ImageDeleteItem } from "../formats/docker-api/docker-api.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import { getPresentManifest, presentManifests } from "./select-manifest.ts";
import type { ImageCatalog, ImageRecord } from "./store/catalog.ts";

/**
 * Removes what an image has for these platforms, with what says something about it. Its names and its other platforms stay.
 * @returns undefined when it would have nothing left: then the image itself is to be removed
 * @throws notFound for a platform that it has not; conflict without `force`
 */
export async function removePlatforms(
  catalog: ImageCatalog,
  image: ImageRecord,
  platforms: readonly Platform[],
  options: { name: string; force: boolean },
): Promise<ImageDeleteItem[] | undefined> {
  // The dash and its place are Docker's own.
  if (!options.force)
    throw conflict(
      "Content will be removed from all images referencing this variant. Use —-force to force delete.",
    );
  const removed = new Set<Digest>(
    platforms.map((platform) => getPresentManifest(image, platform, options.name).descriptor.digest),
  );
  if (presentManifests(image).every(({ descriptor }) => removed.has(descriptor.digest))) return undefined;
  const isAbout = (subject: string | undefined) => removed.has(subject as Digest);
  const about = image.manifests.filter(({ descriptor: { annotations } }) =>
    isAbout(annotations?.["vnd.docker.reference.digest"]),
  );
  await catalog.forget(image.id, new Set([...removed, ...about.map(({ descriptor }) => descriptor.digest)]));
  return [...removed].map((digest) => ({ Deleted: digest }));
}

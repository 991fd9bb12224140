import { conflict, type EngineError } from "../errors.ts";
import { shortId } from "../formats/digest.ts";
import type { ImageDeleteItem } from "../formats/docker-api/docker-api.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import {
  formatFamiliar,
  parseReference,
  type Reference,
  repositoryOf,
  withDefaultTag,
} from "../formats/reference.ts";
import { removePlatforms } from "./remove-platforms.ts";
import type { ImageCatalog, ImageRecord } from "./store/catalog.ts";

/** A container that was made from an image. */
export interface ImageUser {
  containerId: string;
  /** The digest of the manifest that it was made from. */
  manifest?: string;
  /** As the container's creator named it. */
  imageName: string;
  running: boolean;
}

/** By image id. */
export type ImageUsers = Pick<ReadonlyMap<string, readonly ImageUser[]>, "get" | "has" | "keys">;

export interface RemoveOptions {
  force: boolean;
  /** Leave the untagged images that it was committed from. */
  noPrune: boolean;
  /** Only what it has for these; all of it when there are none. */
  platforms?: readonly Platform[];
  users: ImageUsers;
}

type Publish = (action: "untag" | "delete", id: string) => void;

/**
 * `docker rmi`: a name is only untagged while the image has others; the last name, or an id, removes the image.
 * @throws notFound; conflict in Docker's wording when the image is in use
 */
export async function removeImage(
  catalog: ImageCatalog,
  name: string,
  options: RemoveOptions,
  publish: Publish,
): Promise<ImageDeleteItem[]> {
  const image = catalog.get(name);
  const { platforms = [], force } = options;
  const variants =
    platforms.length > 0 ? await removePlatforms(catalog, image, platforms, { name, force }) : undefined;
  if (variants) return variants;
  const items: ImageDeleteItem[] = [];
  if (isIdOf(image, name)) {
    const references = catalog.references.of(image.id);
    if (haveOneRepository(references)) {
      const refusal = findConflict(catalog, image, options, { ignoreReferences: true });
      if (refusal) throw refusal;
      for (const reference of references) untag(catalog, image, reference, items, publish);
    }
    const refusal = findConflict(catalog, image, options, { ignoreReferences: false });
    if (refusal) throw refusal;
  } else {
    const hasNames = untagByName(catalog, image, name, options, items, publish);
    // The tag is gone as requested; the image stays while something uses it.
    if (hasNames || findConflict(catalog, image, options, { ignoreReferences: true })) return items;
  }
  await removeWithParents(catalog, image, options, items, publish);
  return items;
}

/** Returns whether names are left. */
function untagByName(
  catalog: ImageCatalog,
  image: ImageRecord,
  name: string,
  { force, users }: RemoveOptions,
  items: ImageDeleteItem[],
  publish: Publish,
): boolean {
  const user = users.get(image.id)?.[0];
  if (!force && user && haveOneRepository(catalog.references.of(image.id))) {
    throw conflict(
      `conflict: unable to remove repository reference ${JSON.stringify(name)} (must force) - container ` +
        `${shortId(user.containerId)} is using its referenced image ${shortId(image.id)}`,
    );
  }
  const reference = withDefaultTag(parseReference(name));
  // By its own digest it is known in a repository as long as it has a name there.
  const own = catalog.references.find(reference) === image.id;
  const named = own ? [reference] : catalog.references.inRepository(image.id, reference);
  for (const one of named) untag(catalog, image, one, items, publish);
  const ofRepository = catalog.references.inRepository(image.id, reference);
  // Digests say where the image came from under a tag that is gone now.
  if (!reference.digest && ofRepository.every(({ digest }) => digest)) {
    for (const digested of ofRepository) untag(catalog, image, digested, items, publish);
  }
  return catalog.references.of(image.id).length > 0;
}

async function removeWithParents(
  catalog: ImageCatalog,
  image: ImageRecord,
  options: RemoveOptions,
  items: ImageDeleteItem[],
  publish: Publish,
): Promise<void> {
  for (const reference of catalog.references.of(image.id)) untag(catalog, image, reference, items, publish);
  publish("delete", image.id);
  const layers = await catalog.remove(image.id);
  items.push({ Deleted: image.id }, ...layers.map((chainId) => ({ Deleted: chainId })));
  const parent = catalog.images.get(image.parent);
  const forParent = { ...options, force: false };
  if (options.noPrune || !parent || findConflict(catalog, parent, forParent, { ignoreReferences: false }))
    return;
  await removeWithParents(catalog, parent, forParent, items, publish);
}

/** Conflicts in Docker's order: children and running containers cannot be forced, the others can. */
function findConflict(
  catalog: ImageCatalog,
  image: ImageRecord,
  { force, users }: RemoveOptions,
  { ignoreReferences }: { ignoreReferences: boolean },
): EngineError | undefined {
  const refuse = (how: string, why: string) =>
    conflict(`conflict: unable to delete ${shortId(image.id)} (${how}) - ${why}`);
  if (catalog.childrenOf(image.id) > 0) return refuse("cannot be forced", "image has dependent child images");
  const using = users.get(image.id) ?? [];
  const running = using.find((user) => user.running);
  if (running) {
    const id = shortId(running.containerId);
    return refuse("cannot be forced", `image is being used by running container ${id}`);
  }
  if (force) return undefined;
  if (!ignoreReferences && catalog.references.of(image.id).length > 0) {
    return refuse("must be forced", "image is referenced in multiple repositories");
  }
  const [stopped] = using;
  if (!stopped) return undefined;
  return refuse("must be forced", `image is being used by stopped container ${shortId(stopped.containerId)}`);
}

function untag(
  catalog: ImageCatalog,
  image: ImageRecord,
  reference: Reference,
  items: ImageDeleteItem[],
  publish: Publish,
): void {
  catalog.references.remove(reference);
  publish("untag", image.id);
  items.push({ Untagged: formatFamiliar(reference) });
}

/** Whether `name` is the image's id or the start of it, rather than a reference. */
function isIdOf(image: ImageRecord, name: string): boolean {
  return image.id.startsWith(name) || image.id.startsWith(`sha256:${name}`);
}

/** At most one tag, and all digests of its repository. */
function haveOneRepository(references: readonly Reference[]): boolean {
  const tags = references.filter(({ digest }) => !digest);
  if (references.length <= 1) return true;
  return tags.length <= 1 && new Set(references.map(repositoryOf)).size === 1;
}

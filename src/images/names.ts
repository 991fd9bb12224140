import { invalid } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import type { ImageDeleteItem } from "../formats/docker-api/docker-api.ts";
import { formatFamiliar, parseReference, type Reference, withDefaultTag } from "../formats/reference.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { listReferences } from "./describe.ts";
import type { GarbagePolicy } from "./garbage-policy.ts";
import { type PruneOptions, pruneImages } from "./prune.ts";
import { partialLifeSeconds } from "./pull/partials.ts";
import { type ImageUsers, type RemoveOptions, removeImage } from "./remove.ts";
import { type ImageRoom, publishImage } from "./room.ts";
import type { ImageRecord } from "./store/catalog.ts";

/** Which images there are, what they are called, and which of them go. */
export interface ImageNames {
  list(): ImageRecord[];
  /** By id, unique prefix of an id, name[:tag] or name@digest. */
  findImage(name: string): ImageRecord | undefined;
  /** @throws notFound `No such image: x:tag`; invalid for what cannot be a name */
  getImage(name: string): ImageRecord;
  /** As long as it is the same, a name means the same image. */
  changes(): number;
  /** Whether others were committed from it. */
  hasChildren(image: ImageRecord): boolean;
  /** In the form people write: "busybox:latest", "busybox@sha256:…". */
  references(id: string): { tags: string[]; digests: string[] };
  /** @throws notFound; invalid for a bad name */
  tag(name: string, repository: string, tag?: string): void;
  /** Names an image in a repository by its digest, as one that was pulled from there. @throws notFound */
  nameByDigest(repository: Reference, id: string): void;
  /** @throws notFound; conflict in Docker's wording when it is in use */
  remove(name: string, options: RemoveOptions): Promise<ImageDeleteItem[]>;
  /** Removes images that `addBuilt` has added for this holder alone, unless they are wanted for longer by now. */
  letGo(holder: symbol): Promise<void>;
  prune(options: PruneOptions): Promise<{ deleted: ImageDeleteItem[]; spaceReclaimedBytes: number }>;
  /** Removes images that nothing uses, as far as the policy wants. @returns their names */
  collectGarbage(policy: GarbagePolicy, users: ImageUsers): Promise<string[]>;
  /** Removes what has come of downloads that were given up a week ago. @returns bytes */
  sweepPartials(): number;
}

export function createImageNames(room: ImageRoom): ImageNames {
  const { root, catalog, layers, lastUse, partials, receptions } = room;
  const publish = (action: string, id: string) => publishImage(room, action, id);
  const isUsed = (digest: Digest) => catalog.needsBlob(digest) || receptions.isUnderWay(digest);
  const sweep = (olderThanSeconds: number) => partials.sweep(olderThanSeconds, isUsed);
  return {
    list: () => [...catalog.images.values()],
    findImage: catalog.find,
    getImage: catalog.get,
    changes: catalog.changes,
    hasChildren: ({ id }) => catalog.childrenOf(id) > 0,
    references: (id) => listReferences(catalog, id),
    tag: (name, repository, tag) => tagImage(room, catalog.get(name), joinTag(repository, tag)),
    nameByDigest({ domain, path }, id) {
      const { target } = catalog.get(id);
      catalog.name({ domain, path, digest: target.digest }, id);
    },
    async letGo(holder) {
      for (const id of catalog.letGo(holder))
        await removeImage(catalog, id, { force: false, noPrune: true, users: new Map() }, publish);
    },
    remove: (name, settings) => removeImage(catalog, name, settings, publish),
    async prune(settings) {
      const { deleted, spaceReclaimedBytes } = await pruneImages(catalog, layers, settings, publish);
      return { deleted, spaceReclaimedBytes: spaceReclaimedBytes + sweep(0) };
    },
    collectGarbage: (policy, users) =>
      collectGarbage({ catalog, lastUse }, { policy, users, root, publish, sweepPartials: () => sweep(0) }),
    sweepPartials: () => sweep(partialLifeSeconds),
  };
}

/** @throws EngineError invalid */
export function tagImage(room: ImageRoom, image: ImageRecord, name: string): void {
  const reference = withDefaultTag(parseReference(name));
  if (reference.digest) throw invalid("refusing to create a tag with a digest reference");
  room.catalog.tag(reference, image.id);
  publishImage(room, "tag", image.id, formatFamiliar(reference));
}

export function joinTag(repository: string, tag: string | undefined): string {
  return tag ? `${repository}:${tag}` : repository;
}

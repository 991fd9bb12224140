import type { Container, ContainerRecord } from "./container.ts";

/** Containers by something of which each has any number. Kept as they come and go, and never looked for in all of them. */
export interface ContainerIndex {
  /** Call it again when a container has come to have more. */
  add(container: Container): void;
  /** Call it while the container has what it had when it was added. */
  delete(container: Container): void;
  /** Those that have it. */
  of(key: string): ReadonlySet<Container>;
  has(key: string): boolean;
  keys(): MapIterator<string>;
}

const none: ReadonlySet<Container> = new Set();

export function createContainerIndex(keysOf: (record: ContainerRecord) => Iterable<string>): ContainerIndex {
  const byKey = new Map<string, Set<Container>>();
  return {
    add(container) {
      for (const key of keysOf(container.record)) {
        const owners = byKey.get(key);
        if (owners) owners.add(container);
        else byKey.set(key, new Set([container]));
      }
    },
    delete(container) {
      for (const key of keysOf(container.record)) {
        const owners = byKey.get(key);
        owners?.delete(container);
        if (owners?.size === 0) byKey.delete(key);
      }
    },
    of: (key) => byKey.get(key) ?? none,
    has: (key) => byKey.has(key),
    keys: () => byKey.keys(),
  };
}

export interface ContainerIndexes {
  /** By id: of the images that they live on, their own and those that they mount. */
  byImage: ContainerIndex;
  /** By the ids of those that they are linked to (`--link`). */
  byLink: ContainerIndex;
  /** By name. */
  byVolume: ContainerIndex;
}

export function createContainerIndexes(): ContainerIndexes {
  return {
    byImage: createContainerIndex((record) => [record.imageId, ...mountedImages(record)]),
    byLink: createContainerIndex(({ links }) => links.map(({ id }) => id)),
    byVolume: createContainerIndex(({ mounts }) =>
      mounts.flatMap(({ type, name }) => (type === "volume" && name ? [name] : [])),
    ),
  };
}

export function addToIndexes({ byImage, byLink, byVolume }: ContainerIndexes, container: Container): void {
  for (const index of [byImage, byLink, byVolume]) index.add(container);
}

export function deleteFromIndexes(
  { byImage, byLink, byVolume }: ContainerIndexes,
  container: Container,
): void {
  for (const index of [byImage, byLink, byVolume]) index.delete(container);
}

/** Ids of the images that a container mounts beside its own. */
export function mountedImages({ mounts }: ContainerRecord): string[] {
  return [...new Set(mounts.flatMap(({ type, imageId }) => (type === "image" ? [imageId] : [])))];
}

import type { Container, ContainerRecord } from "./container.ts";

/** Containers by the images that they live on: their own, and those that they mount. */
export interface ContainersByImage {
  /** Call it again when a container has come to have more of them. */
  add(container: Container): void;
  delete(container: Container): void;
  of(imageId: string): ReadonlySet<Container>;
  has(imageId: string): boolean;
  imageIds(): MapIterator<string>;
}

const none: ReadonlySet<Container> = new Set();

export function createContainersByImage(): ContainersByImage {
  const byImage = new Map<string, Set<Container>>();
  return {
    add(container) {
      for (const imageId of imagesOf(container.record)) {
        const users = byImage.get(imageId);
        if (users) users.add(container);
        else byImage.set(imageId, new Set([container]));
      }
    },
    delete(container) {
      for (const imageId of imagesOf(container.record)) {
        const users = byImage.get(imageId);
        users?.delete(container);
        if (users?.size === 0) byImage.delete(imageId);
      }
    },
    of: (imageId) => byImage.get(imageId) ?? none,
    has: (imageId) => byImage.has(imageId),
    imageIds: () => byImage.keys(),
  };
}

function imagesOf(record: ContainerRecord): string[] {
  return [record.imageId, ...mountedImages(record)];
}

/** Ids of the images that a container mounts beside its own. */
export function mountedImages({ mounts }: ContainerRecord): string[] {
  return [...new Set(mounts.flatMap(({ type, imageId }) => (type === "image" ? [imageId] : [])))];
}

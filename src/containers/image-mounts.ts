import type { ContainerRecord } from "./container.ts";
import { mountedImages } from "./container-index.ts";
import type { Containers } from "./containers.ts";

/** Under this name a container holds the layers of an image that it mounts. */
const holderOf = (id: string, imageId: string) => `${id}/${imageId}`;

/** The container that holds layers under a name. */
export function containerOfHolder(owner: string): string {
  return owner.split("/", 1)[0] ?? owner;
}

/** Keeps the images' layers as long as the container. @throws notFound */
export function holdMountedImages({ images }: Containers, record: ContainerRecord): void {
  for (const imageId of mountedImages(record)) images.hold(imageId, holderOf(record.id, imageId));
}

/** @returns a promise for each of them */
export function releaseMountedImages({ images }: Containers, record: ContainerRecord): Promise<void>[] {
  return [...mountedImages(record)].map((imageId) => images.release(holderOf(record.id, imageId), imageId));
}

/** Directories of a mounted image, topmost first. */
export function layersOfMounted({ images }: Containers, { id }: ContainerRecord, imageId: string): string[] {
  return images.heldDirectories(holderOf(id, imageId));
}

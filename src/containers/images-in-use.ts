import type { ImageUser, ImageUsers } from "../images/images.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";

/** Which containers use which images at the time of asking, for refusing to remove those. */
export function imageUsers({ byImage }: Containers): ImageUsers {
  const describe = (imageId: string) =>
    [...byImage.of(imageId)].map((container) => describeUser(container, imageId));
  return {
    get: (imageId) => (byImage.has(imageId) ? describe(imageId) : undefined),
    has: byImage.has,
    keys: byImage.keys,
  };
}

function describeUser({ record }: Container, imageId: string): ImageUser {
  const { id, config, manifest, mounts, state } = record;
  if (imageId === record.imageId) {
    const digest = manifest && { manifest: manifest.digest };
    return { containerId: id, imageName: config.Image, running: state.Running, ...digest };
  }
  const imageName = mounts.find((mount) => mount.imageId === imageId)?.name ?? "";
  return { containerId: id, imageName, running: state.Running };
}

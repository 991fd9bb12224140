import { findPresentManifest, type PresentManifest } from "../images/select-manifest.ts";
import type { ContainerRecord } from "./container.ts";
import type { Containers } from "./containers.ts";

/** What a container was made from, as long as it is here. */
export function findManifestOf(
  { images }: Containers,
  { imageId, manifest }: ContainerRecord,
): PresentManifest | undefined {
  const image = images.findImage(imageId);
  return image && findPresentManifest(image, manifest?.digest);
}

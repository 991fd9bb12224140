import type { OpenEngine } from "../engine/engine.ts";
import type { ImageInspect, ImageSummary } from "../formats/docker-api/docker-api.ts";
import { configShape } from "../formats/docker-api/docker-api-config.ts";
import { decode } from "../formats/shape.ts";
import { contentOf } from "../images/select-manifest.ts";
import { without } from "./change-answer.ts";

/* What images looked like in earlier versions of the API. */

/** How many containers use an image was counted for nothing but the disk's use. */
export const uncounted = (all: ImageSummary[]) => all.map((image) => ({ ...image, Containers: -1 }));

export const withoutDescriptor = (image: ImageSummary) => without(image, "Descriptor");
export const eachWithoutDescriptor = (all: ImageSummary[]) => all.map(withoutDescriptor);
export const eachWithoutManifests = (all: ImageSummary[]) => all.map((image) => without(image, "Manifests"));
export const withoutManifests = (image: ImageInspect) => without(image, "Descriptor", "Manifests");

export const eachWithVirtualSize = (all: ImageSummary[]) => all.map(withVirtualSize);

export function withVirtualSize<T extends { Size: number }>(image: T): T & { VirtualSize: number } {
  return { ...image, VirtualSize: image.Size };
}

/** An image without names had one that says so. */
export function eachWithNone(all: ImageSummary[]): ImageSummary[] {
  return all.map((image) =>
    image.RepoTags.length + image.RepoDigests.length > 0
      ? image
      : { ...image, RepoTags: ["<none>:<none>"], RepoDigests: ["<none>@<none>"] },
  );
}

/** With all that a container's config has, none of which an image ever set. */
export function withContainersConfig(image: ImageInspect): object {
  return { ...image, Config: decode(configShape, image.Config) };
}

/**
 * The container that an image was committed from, and its config. docker-compose 1.29 reads the volumes there, and has nothing
 * without it; images from elsewhere were made by no container, so that it is their own config.
 */
export function withContainer(image: ImageInspect, engine: OpenEngine): object {
  const { config } = contentOf(engine.images.getImage(image.Id));
  return { ...image, Container: config.container ?? "", ContainerConfig: image.Config };
}

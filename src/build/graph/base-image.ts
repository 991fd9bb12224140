import type { ContainerConfig } from "../../formats/docker-api/docker-api.ts";
import type { ImageConfig } from "../../formats/image-config.ts";

/** What a stage starts from, as far as its plan needs it. */
export interface BaseImage {
  config: ImageConfig;
  /** chainIDs, base first. */
  layers: string[];
  /** As progress and records name it: "docker.io/library/busybox:latest", with a digest where it was pulled by one. */
  name: string;
}

export type ImageSettings = Partial<ContainerConfig>;

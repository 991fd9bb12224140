import type { ImageContent } from "../../images/store/kinds.ts";
import type { Plan } from "../graph/plan.ts";

/** How one image comes to be. */
export interface PlannedImage extends Plan {
  /** The image that it stands on. */
  baseContent: ImageContent | undefined;
  /** Images that it was made with, by their full names. */
  materials: { name: string; digest: string }[];
}

/** What another build has made, to stand on. */
export interface BuildInput {
  image: PlannedImage;
  /** chainIDs, base first. */
  layers: string[];
}

/** What a client gives besides its session. */
export interface ClientInputs {
  /** The context, where it comes as an archive: compressed or not, or a Dockerfile alone. */
  archive?: AsyncIterable<Uint8Array>;
  /** What the client calls `input:KEY`. @throws when there is none */
  findInput?(key: string): Promise<BuildInput>;
}

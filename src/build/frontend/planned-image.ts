import type { RegistryAuth } from "../../formats/registry-auth.ts";
import type { ImageContent } from "../../images/store/kinds.ts";
import type { Plan } from "../graph/plan.ts";
import type { SolvedImage } from "../solve/solving.ts";
import type { ContextArchive } from "./context-archive.ts";

/** How one image comes to be. */
export interface PlannedImage extends Plan {
  /** The image that it stands on. */
  baseContent: ImageContent | undefined;
  materials: Material[];
}

/** An image that another was made with. */
export interface Material {
  /** In full. */
  name: string;
  digest: string;
  /** It is of a layout of the client's. */
  isLocal?: boolean;
}

/** When an image was made: equal for a build that found all of it in the cache. @param createdAt of its newest step */
export function createdOf({ base }: PlannedImage, createdAt: number | undefined): string | undefined {
  if (createdAt === undefined) return base?.config.created;
  // As Go writes times.
  return new Date(createdAt).toISOString().replace(/\.?0*Z$/, "Z");
}

/** What another build has made, to stand on. */
export interface BuildInput extends SolvedImage {
  image: PlannedImage;
}

/** What a client gives besides its session. */
export interface ClientInputs {
  archive?: ContextArchive;
  /** Logins at registries besides those that the session gives. @param domain of a reference */
  findCredentials?(domain: string): RegistryAuth | undefined;
  /** What the client calls `input:KEY`. @throws when there is none */
  findInput?(key: string): Promise<BuildInput>;
}

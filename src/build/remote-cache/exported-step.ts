import type { Digest } from "../../formats/digest.ts";
import type { ImportedStep } from "./read-cache.ts";

/** A layer for a cache that is to be written. */
export interface ExportedLayer {
  chainId: string;
  diffId: Digest;
  /** Where it is, for one that is not here. */
  elsewhere?: Pick<ImportedStep, "places"> & Pick<ImportedStep["chain"][number], "blob">;
}

/** A step for a cache that is to be written. */
export interface ExportedStep {
  /** What it depends on, in the ways in which it may be found. */
  keys: string[];
  /** Base first, its own last. */
  layers: ExportedLayer[];
  /** Milliseconds since the epoch. */
  createdAt: number | undefined;
}

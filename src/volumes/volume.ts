import { entries, kindOf, required } from "../formats/record-shape.ts";
import type { Decoded } from "../formats/shape.ts";
import { flag, optional, struct, text } from "../formats/shape.ts";

const volumeShape = struct("Volume", {
  name: required(text),
  /** RFC 3339. */
  created: text,
  options: entries(text),
  labels: entries(text),
  /** Set while image content is being copied in: a copy that was cut off is made again. */
  isPopulating: optional(flag),
  /** Whose content that is, and from where in it: no other is copied over what is there. Older records do not say. */
  populating: optional(struct("Content", { image: required(text), path: required(text) })),
  /** Made for a container that is being created, and not yet in its record: goes when the creation is cut off. */
  isUnclaimed: optional(flag),
  /** Its directory still has this name, and gets its own next: what was imported or cloned, or a volume that is renamed. */
  staged: optional(text),
});

/** A volume as it is stored. */
export type VolumeRecord = Decoded<typeof volumeShape>;

export const volumeKind = kindOf("volume", volumeShape);

import type { OciMount } from "../runtime/oci-spec.ts";

/** A mount, whose source may be the engine's own: files whose owners are as in an image, and are mapped as those are. */
export interface LaunchMount extends OciMount {
  isOwn?: boolean;
  /** Of the source, where that is known: its server may not answer once more. */
  isDirectory?: boolean;
}

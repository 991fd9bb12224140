import { invalid } from "../../errors.ts";
import type { Packing } from "../../images/push/pushed-image.ts";
import { readAnnotations } from "./annotations.ts";
import { readPacking } from "./compression.ts";
import { readFlag } from "./flags.ts";

/** What an exporter of images is to do, as its attributes say. */
export interface ImageSettings {
  packing: Packing;
  isPushed: boolean;
  /** The registry gets no tag. */
  isByDigest: boolean;
  /** The image store keeps it. */
  isStored: boolean;
  /** Each of its names gets one with the digest beside it. */
  isCanonical: boolean;
  /** A layout goes to the client as an archive, else as a directory. */
  isArchive: boolean;
}

/** What BuildKit knows and this builder does not do. */
const unsupported = new Map([
  ["registry.insecure", "name the registry in insecure-registries of daemon.json"],
  ["prefer-nondist-layers", "layers are always distributed"],
  ["attestation-inline", "attestations stand beside the image"],
  ["oci-artifact", "attestations are written as image manifests"],
]);

const flags = ["platform-split", "rewrite-timestamp", "unpack", ...unsupported.keys()];

/**
 * Reads and checks the attributes of any exporter. `unpack`, `dangling-name-prefix` and `danging-name-empty-only` ask for what is always
 * so: an image is unpacked, and one without a name stays.
 * @throws EngineError invalid
 */
export function readImageSettings(type: string, attrs: ReadonlyMap<string, string>): ImageSettings {
  for (const name of flags) readFlag(attrs, name, false);
  for (const [name, advice] of unsupported)
    if (readFlag(attrs, name, false)) throw invalid(`${name} is not supported: ${advice}`);
  readAnnotations(attrs);
  const isForced = readFlag(attrs, "force-compression", false);
  const layers = readPacking(attrs) ?? (isForced ? { type: "gzip" as const } : undefined);
  const [isPushed, isByDigest] = [readFlag(attrs, "push", false), readFlag(attrs, "push-by-digest", false)];
  if (readFlag(attrs, "unpack", false) && readFlag(attrs, "rewrite-timestamp", false))
    throw invalid('exporter option "rewrite-timestamp" conflicts with "unpack"');
  const hasTypes = (attrs.get("oci-mediatypes") ?? "") !== "";
  const isOci = hasTypes ? readFlag(attrs, "oci-mediatypes", false) : defaultTypes.get(type);
  return {
    packing: {
      ...(layers && { layers }),
      ...(isOci !== undefined && { isOci }),
      isForced,
    },
    ...{ isPushed, isByDigest },
    isStored: readFlag(attrs, "store", true),
    isCanonical: readFlag(attrs, "name-canonical", false),
    isArchive: readFlag(attrs, "tar", true),
  };
}

/** Whether they are OCI's; of other exporters it depends on the image. */
const defaultTypes = new Map([
  ["oci", true],
  ["docker", false],
]);

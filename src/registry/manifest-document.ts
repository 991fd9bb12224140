import { type Digest, isDigest } from "../formats/digest.ts";
import { isObject } from "../formats/json.ts";
import { mediaTypes } from "../formats/oci-manifest.ts";
import { RegistryError } from "./errors.ts";

/** What a registry needs to know of a manifest or an index. */
export interface ParsedManifest {
  mediaType: string;
  /** Config and layers that are in the registry. */
  blobs: Digest[];
  /** Layers from elsewhere (`urls`), which may be in the registry all the same. */
  foreign: Digest[];
  /** Of an index. */
  manifests: Digest[];
  subject?: Digest;
  artifactType?: string;
  /** JSON of the texts among them. */
  annotations?: string;
}

/** A manifest as an entry of the list of referrers. */
export interface ReferrerDescriptor {
  mediaType: string;
  digest: Digest;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
}

const wrong = (message: string, cause?: unknown) =>
  new RegistryError("MANIFEST_INVALID", `invalid manifest: ${message}`, { cause });

/**
 * Reads a manifest, which clients get back as it is.
 * @param contentType as pushed; it must be the manifest's own
 * @throws RegistryError MANIFEST_INVALID
 */
export function parseManifestDocument(text: string, contentType?: string): ParsedManifest {
  const value = parseObject(text);
  const { schemaVersion, config, layers, manifests, subject, artifactType, annotations } = value;
  if (schemaVersion === 1)
    throw wrong("schema 1 is no longer supported: push the image with a current client");
  if (schemaVersion !== 2) throw wrong("schemaVersion must be 2");
  const isIndex = Array.isArray(manifests);
  if (!isIndex && (!Array.isArray(layers) || !isObject(config))) {
    throw wrong("neither config and layers nor manifests");
  }
  const mediaType =
    typeof value.mediaType === "string" && value.mediaType !== ""
      ? value.mediaType
      : isIndex
        ? mediaTypes.index
        : mediaTypes.manifest;
  if (contentType !== undefined && contentType !== "application/json" && contentType !== mediaType) {
    throw wrong(`its media type is ${mediaType}, but Content-Type is ${contentType}`);
  }
  const kind = readArtifactType(artifactType, config);
  const noted = isObject(annotations) ? JSON.stringify(onlyStrings(annotations)) : undefined;
  const parts = isIndex ? [] : [config, ...(layers as unknown[])];
  return {
    mediaType,
    blobs: parts.filter((one) => !isForeign(one)).map(readDigest),
    foreign: parts.filter(isForeign).flatMap(findDigest),
    manifests: isIndex ? manifests.map(readDigest) : [],
    ...(isObject(subject) && { subject: readDigest(subject) }),
    ...(kind !== undefined && { artifactType: kind }),
    ...(noted !== undefined && { annotations: noted }),
  };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (error) {
    throw wrong("it is not JSON", error);
  }
  throw wrong("it is not a JSON object");
}

function onlyStrings(record: Record<string, unknown>): Record<string, string> {
  const pairs = Object.entries(record).filter(
    (pair): pair is [string, string] => typeof pair[1] === "string",
  );
  return Object.fromEntries(pairs);
}

/** Specification, "Listing Referrers": where a manifest has none of its own, its config's media type is it. */
function readArtifactType(own: unknown, config: unknown): string | undefined {
  if (typeof own === "string" && own !== "") return own;
  return isObject(config) && typeof config.mediaType === "string" ? config.mediaType : undefined;
}

/** Layers that must not be distributed are fetched from their `urls`. */
function isForeign(descriptor: unknown): boolean {
  return isObject(descriptor) && Array.isArray(descriptor.urls) && descriptor.urls.length > 0;
}

function readDigest(descriptor: unknown): Digest {
  const [digest] = findDigest(descriptor);
  if (digest) return digest;
  throw wrong("a descriptor without a sha256 digest");
}

function findDigest(descriptor: unknown): Digest[] {
  const digest = isObject(descriptor) ? descriptor.digest : undefined;
  return typeof digest === "string" && isDigest(digest) ? [digest] : [];
}

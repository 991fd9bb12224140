import { type EngineError, invalid } from "../errors.ts";
import { type Digest, isDigest } from "./digest.ts";
import { isObject, parseJson } from "./json.ts";

/** What a manifest says about a blob (OCI image spec, descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** Bytes. */
  size: number;
  annotations?: Record<string, string>;
  platform?: Platform;
  /** Where else it may be had. */
  urls?: string[];
}

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

export interface Manifest {
  schemaVersion: 2;
  mediaType?: string;
  config: Descriptor;
  layers: Descriptor[];
}

export interface Index {
  schemaVersion: 2;
  mediaType?: string;
  manifests: Descriptor[];
}

export const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  gzipLayer: "application/vnd.oci.image.layer.v1.tar+gzip",
  zstdLayer: "application/vnd.oci.image.layer.v1.tar+zstd",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerPlainLayer: "application/vnd.docker.image.rootfs.diff.tar",
  dockerZstdLayer: "application/vnd.docker.image.rootfs.diff.tar.zstd",
} as const;

/** All that `parseManifest` reads. */
export const manifestTypes: readonly string[] = [
  mediaTypes.manifest,
  mediaTypes.dockerManifest,
  mediaTypes.index,
  mediaTypes.dockerList,
];

/** Of layers that only their makers may give out, from elsewhere. */
export const isNondistributable = (mediaType: string) => /foreign|nondistributable/.test(mediaType);

/** Reads an OCI or Docker (schema 2) image manifest, or an index of them. @throws invalid */
export function parseManifest(text: string): Manifest | Index {
  const value = parseJson(text, "manifest");
  const { schemaVersion, mediaType, manifests, config, layers } = value;
  if (schemaVersion === 1) throw refuseSchema1();
  const kind = typeof mediaType === "string" ? { mediaType } : {};
  if (Array.isArray(manifests)) {
    return { schemaVersion: 2, ...kind, manifests: manifests.map(parseDescriptor) };
  }
  if (!Array.isArray(layers)) throw invalid("invalid manifest: neither layers nor manifests");
  return { schemaVersion: 2, ...kind, config: parseDescriptor(config), layers: layers.map(parseDescriptor) };
}

/** Whether it is an image and not something else that a registry keeps, such as a chart. */
export function isImage({ config }: Manifest): boolean {
  const types: string[] = ["", mediaTypes.config, mediaTypes.dockerConfig, "application/octet-stream"];
  return types.includes(config.mediaType);
}

/** For what has it as its media type or its `schemaVersion`. */
export function refuseSchema1(): EngineError {
  return invalid(
    "Docker Image Format v1 and Docker Image manifest version 2, schema 1 are not supported: they were given up for security " +
      "reasons. Ask the image's author to push it again as an OCI image or with manifest version 2, schema 2",
  );
}

export function isIndex(value: Manifest | Index): value is Index {
  return "manifests" in value;
}

/** Annotations that are no text are left out. @throws EngineError invalid without a digest or a size */
export function parseDescriptor(value: unknown): Descriptor {
  if (!isObject(value) || typeof value.digest !== "string" || !isDigest(value.digest)) {
    throw invalid("invalid manifest: a descriptor without a sha256 digest");
  }
  const { mediaType, digest, size, annotations, platform, urls } = value;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`invalid manifest: descriptor ${digest} has no size`);
  }
  return {
    mediaType: typeof mediaType === "string" ? mediaType : "",
    digest,
    size,
    ...(isObject(annotations) && { annotations: onlyStrings(annotations) }),
    ...(isObject(platform) && { platform: readPlatform(platform) }),
    ...(Array.isArray(urls) && { urls: urls.filter((url) => typeof url === "string") }),
  };
}

function onlyStrings(record: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).filter((pair) => typeof pair[1] === "string")) as Record<
    string,
    string
  >;
}

function readPlatform(value: Record<string, unknown>): Platform {
  const { os, architecture, variant } = value;
  return {
    os: typeof os === "string" ? os : "",
    architecture: typeof architecture === "string" ? architecture : "",
    ...(typeof variant === "string" && { variant }),
  };
}

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Digest } from "../../src/formats/digest.ts";
import type { ProgressMessage } from "../../src/formats/docker-api/docker-api.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { parseReference } from "../../src/formats/reference.ts";
import type { RegistryAuth } from "../../src/formats/registry-auth.ts";
import type { Images } from "../../src/images/images.ts";
import { addBlob, addManifest, type Content } from "../distribution/fixtures.ts";
import { configText, makeTar, type Store } from "./fixtures.ts";

export interface LayerFixture {
  tar: Buffer;
  compression?: "gzip" | "zstd" | "none";
  /** What the manifest says of the blob, where it is not the truth. */
  stated?: { mediaType?: string; size?: number; digest?: Digest; urls?: string[] };
}

/** Puts an image into a registry's content and returns its manifest's digest. */
export function addImage(
  content: Content,
  tag: string,
  layers: readonly LayerFixture[],
  options: { config?: object; isDocker?: boolean } = {},
): Digest {
  const config = addBlob(content, configText([...layers], options.config));
  const [manifestType, configType] = options.isDocker
    ? [mediaTypes.dockerManifest, mediaTypes.dockerConfig]
    : [mediaTypes.manifest, mediaTypes.config];
  return addManifest(content, tag, manifestType, {
    config: { mediaType: configType, ...config },
    layers: layers.map(({ tar, compression = "gzip", stated }) => ({
      mediaType: typeOf(compression, options.isDocker ?? false),
      ...addBlob(content, compress(tar, compression)),
      ...stated,
    })),
  });
}

function compress(tar: Buffer, compression: "gzip" | "zstd" | "none"): Buffer {
  if (compression === "none") return tar;
  return compression === "gzip" ? gzipSync(tar, { level: 1 }) : zstdCompressSync(tar);
}

function typeOf(compression: "gzip" | "zstd" | "none", isDocker: boolean): string {
  if (isDocker) return mediaTypes.dockerLayer;
  if (compression === "none") return mediaTypes.layer;
  return compression === "gzip" ? mediaTypes.gzipLayer : mediaTypes.zstdLayer;
}

/** Pulls and returns what was reported, which is in `messages` from the start. */
export async function pull(
  images: Images,
  name: string,
  options: {
    auth?: RegistryAuth;
    signal?: AbortSignal;
    platform?: { os: string; architecture: string };
  } = {},
  messages: ProgressMessage[] = [],
): Promise<ProgressMessage[]> {
  await images.pull(parseReference(name), {
    auth: {},
    signal: new AbortController().signal,
    ...options,
    report: (message) => messages.push(message),
  });
  return messages;
}

/** One line each, without bars. */
export function linesOf(messages: readonly ProgressMessage[]): string[] {
  return messages
    .filter(({ progressDetail }) => progressDetail?.total === undefined)
    .map(({ id, status }) => (id ? `${id}: ${status}` : (status ?? "")));
}

export const layer = (name: string, megabytes = 0) => ({
  tar: makeTar([{ name, data: Buffer.alloc(megabytes << 20, name) }]),
});

/** How many files there are beside the database. */
export function filesOf({ root }: Store) {
  return {
    // A layer's plain archive is there as its frame.
    blobs: ["sha256", "frames"].flatMap((folder) => readdirSync(join(root, "blobs", folder))).length,
    partial: readdirSync(join(root, "blobs/partial")).sort(),
    temporary: readdirSync(join(root, "blobs/tmp")).length,
    layers: readdirSync(join(root, "layers")).length,
  };
}

/** What `filesOf` an empty store tells. */
export const nothing = { blobs: 0, partial: [], temporary: 0, layers: 1 };

/** Names in the top folders of all layers, sorted. */
export function contentOf(store: Store, name: string): string[] {
  const directories = store.images.lowerDirectories(store.images.getImage(name));
  return directories.flatMap((directory) => readdirSync(directory)).sort();
}

import { createReadStream } from "node:fs";
import { type Digest, digestOf, hexOf } from "../../formats/digest.ts";
import { type Descriptor, type Index, mediaTypes } from "../../formats/oci-manifest.ts";
import {
  familiarRepository,
  formatFamiliar,
  formatReference,
  type Reference,
} from "../../formats/reference.ts";
import { compressionOf, decompress } from "../../trees/decompress.ts";
import { findBlob } from "../blob-source.ts";
import type { ImageJobs } from "../jobs.ts";
import { makeManifest } from "../make-manifest.ts";
import type { StoredBlob } from "../plain-archive.ts";
import {
  contentOf,
  mainManifest,
  type PresentManifest,
  platformOf,
  presentManifests,
} from "../select-manifest.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { ImageRecord } from "../store/catalog.ts";
import type { Layers } from "../store/layers.ts";

/** An image to save, under these names. */
export interface SavedImage {
  image: ImageRecord;
  names: Reference[];
}

/** What goes into `blobs/sha256`: a blob of the store, or a document made here. */
export type BlobContent =
  | { path: string; sizeBytes: number; isTemporary?: boolean; modified?: number }
  | { source: StoredBlob; sizeBytes: number }
  | { text: string };
export type Content = Map<Digest, BlobContent>;

/** Where the blobs are. */
export interface SaveStore {
  blobs: BlobStore;
  layers: Layers;
  jobs: ImageJobs;
}

/** One element of `manifest.json`. */
interface ListedImage {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
  Parent?: string;
}

/** Finds all that goes into an archive. @returns the documents beside the blobs, by name */
export async function collectContent(
  content: Content,
  saved: readonly SavedImage[],
  store: SaveStore,
): Promise<Record<string, unknown>> {
  const index: Index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] };
  const repositories: Record<string, Record<string, string>> = {};
  const list: ListedImage[] = [];
  const configs = new Map(saved.map(({ image }) => [image.id, contentOf(image).configDigest]));
  for (const { image, names } of saved) {
    index.manifests.push(...describeTarget(await addTarget(content, image, store), names));
    const parent = configs.get(image.parent);
    const main = mainManifest(image);
    for (const manifest of presentManifests(image)) {
      const isMain = manifest.descriptor.digest === main.descriptor.digest;
      const tags = isMain && names.length > 0 ? names.map(formatFamiliar) : null;
      const listed = await listImage(content, manifest, tags, store);
      list.push({ ...listed, ...(parent && isMain && { Parent: parent }) });
      if (!isMain) continue;
      const top = (listed.Layers.at(-1) ?? listed.Config).replace(/^.*\//, "");
      for (const name of names) {
        const repository = familiarRepository(name);
        repositories[repository] = { ...repositories[repository], [name.tag ?? "latest"]: top };
      }
    }
  }
  return {
    "index.json": index,
    "manifest.json": list,
    "oci-layout": { imageLayoutVersion: "1.0.0" },
    ...(Object.keys(repositories).length > 0 && { repositories }),
  };
}

export function describeTarget(target: Descriptor, names: readonly Reference[]): Descriptor[] {
  if (names.length === 0) return [target];
  return names.map((name) => ({
    ...target,
    annotations: {
      ...target.annotations,
      "io.containerd.image.name": formatReference(name),
      "org.opencontainers.image.ref.name": name.tag ?? "latest",
    },
  }));
}

/** What dockers without containerd's image store load: of layers in a packing that older ones don't know, the plain archive. */
async function listImage(
  content: Content,
  { content: { config, configDigest, blobs } }: PresentManifest,
  tags: string[] | null,
  store: SaveStore,
): Promise<ListedImage> {
  const layers: Digest[] = [];
  for (const [at, { digest }] of blobs.entries())
    layers.push(await addReadable(content, digest, config.rootfs.diff_ids[at] as Digest, store));
  return { Config: blobName(configDigest), RepoTags: tags, Layers: layers.map(blobName) };
}

/** The target as it is, with all that is here of it; where another packing of a layer is here, one made of what is saved. */
async function addTarget(content: Content, image: ImageRecord, store: SaveStore): Promise<Descriptor> {
  const present = presentManifests(image);
  for (const { content: own } of present) {
    const created = Date.parse(own.config.created ?? "") / 1000;
    await addBlob(content, own.configDigest, store, created);
    for (const { digest } of own.blobs) await addBlob(content, digest, store);
  }
  if (present.some(({ content: { origin } }) => origin === "repacked"))
    return addMadeTarget(content, present, store);
  for (const { digest } of [image.target, ...image.indexes]) await addBlob(content, digest, store);
  for (const { descriptor, parts } of image.manifests.filter((one) => one.content ?? one.parts))
    for (const { digest } of [descriptor, ...(parts ?? [])]) await addBlob(content, digest, store);
  const { mediaType, digest, size } = image.target;
  return { mediaType, digest, size };
}

async function addMadeTarget(
  content: Content,
  present: readonly PresentManifest[],
  { blobs }: SaveStore,
): Promise<Descriptor> {
  const manifests: Descriptor[] = [];
  for (const manifest of present) {
    const { configDigest, blobs: layers } = manifest.content;
    const { descriptor, text } = await makeManifest(blobs, configDigest, layers);
    content.set(descriptor.digest, { text });
    manifests.push({ ...descriptor, platform: platformOf(manifest) });
  }
  const [only, ...others] = manifests;
  if (only && others.length === 0) return { mediaType: only.mediaType, digest: only.digest, size: only.size };
  const text = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
  content.set(digestOf(text), { text });
  return { mediaType: mediaTypes.index, digest: digestOf(text), size: Buffer.byteLength(text) };
}

/** @param modified Unix seconds; NaN for a time that is not known */
export async function addBlob(
  content: Content,
  digest: Digest,
  { blobs, layers }: SaveStore,
  modified = Number.NaN,
): Promise<void> {
  if (content.has(digest)) return;
  const sizeBytes = await blobs.getSizeBytes(digest);
  const source = findBlob({ blobs, layers }, digest);
  const isKnown = Number.isFinite(modified) && modified >= 0;
  if ("path" in source)
    content.set(digest, { ...source, sizeBytes, ...(isKnown && { modified: Math.floor(modified) }) });
  else content.set(digest, { source, sizeBytes });
}

/** @returns under which digest any docker can read a layer, which has been added already */
async function addReadable(
  content: Content,
  digest: Digest,
  diffId: Digest,
  { blobs }: SaveStore,
): Promise<Digest> {
  if (!blobs.isWhole(digest)) return digest;
  const compression = await compressionOf(blobs.path(digest));
  if (compression === "none" || compression === "gzip") return digest;
  if (content.has(diffId)) return diffId;
  const { output } = await decompress(createReadStream(blobs.path(digest)));
  const { path, sizeBytes } = await blobs.spool(output, diffId);
  content.set(diffId, { path, sizeBytes, isTemporary: true });
  return diffId;
}

export function blobName(digest: string): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

import { createReadStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import type { Writable } from "node:stream";
import { internal, unavailable } from "../errors.ts";
import { type Digest, digestOf, hexOf } from "../formats/digest.ts";
import { type Descriptor, type Index, type Manifest, mediaTypes } from "../formats/oci-manifest.ts";
import { familiarRepository, formatFamiliar, formatReference, type Reference } from "../formats/reference.ts";
import { paddingAfter, type TarEntry } from "../formats/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../formats/tar-writer.ts";
import type { Blobs } from "./blobs.ts";
import type { ImageRecord } from "./catalog.ts";
import { compressionOf, decompress } from "./decompress.ts";

/** An image to save, under these names. */
export interface SavedImage {
  image: ImageRecord;
  names: Reference[];
}

/** What goes into `blobs/sha256`: a file of the store, or a document made here. */
type BlobContent = { path: string; sizeBytes: number; isTemporary?: boolean } | { text: string };
type Content = Map<Digest, BlobContent>;

const chunkBytes = 256 * 1024;
const epoch = { seconds: 0, nanoseconds: 0 };

/** An archive that is ready to be written. */
export interface SavedArchive {
  /** Once. Ends `output`. @throws what `output` fails with, and when it was closed before the end */
  writeTo(output: Writable): Promise<void>;
}

/**
 * An archive that is a docker-archive (for `docker load` of any version) and an OCI layout at once, as `docker save`
 * writes since 25. Layers shared by several images are in it once. The caller keeps the images' blobs from being removed.
 */
export async function saveArchive(saved: readonly SavedImage[], blobs: Blobs): Promise<SavedArchive> {
  const content: Content = new Map();
  try {
    const documents = await collect(content, saved, blobs);
    return {
      async writeTo(output) {
        try {
          await write(output, content, documents);
        } finally {
          await discardTemporary(content);
        }
      },
    };
  } catch (error) {
    await discardTemporary(content);
    throw error;
  }
}

/** @returns the documents beside the blobs, by name */
async function collect(
  content: Content,
  saved: readonly SavedImage[],
  blobs: Blobs,
): Promise<Record<string, unknown>> {
  const index: Index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] };
  const repositories: Record<string, Record<string, string>> = {};
  const list: { Config: string; RepoTags: string[] | null; Layers: string[] }[] = [];
  for (const { image, names } of saved) {
    const layers: Descriptor[] = [];
    for (const [at, layer] of image.blobs.entries()) {
      layers.push(await addLayer(content, layer, image.config.rootfs.diff_ids[at] as Digest, blobs));
    }
    await addBlob(content, image.id as Digest, blobs);
    const manifest = await addManifest(content, image, layers, blobs);
    list.push({
      Config: blobName(image.id),
      RepoTags: names.length > 0 ? names.map(formatFamiliar) : null,
      Layers: layers.map(({ digest }) => blobName(digest)),
    });
    index.manifests.push(...describeManifest(manifest, names));
    for (const name of names) {
      const repository = familiarRepository(name);
      const top = hexOf(layers.at(-1)?.digest ?? image.id);
      repositories[repository] = { ...repositories[repository], [name.tag ?? "latest"]: top };
    }
  }
  return {
    "index.json": index,
    "manifest.json": list,
    "oci-layout": { imageLayoutVersion: "1.0.0" },
    ...(Object.keys(repositories).length > 0 && { repositories }),
  };
}

function describeManifest(manifest: Descriptor, names: readonly Reference[]): Descriptor[] {
  if (names.length === 0) return [manifest];
  return names.map((name) => ({
    ...manifest,
    annotations: {
      "io.containerd.image.name": formatReference(name),
      "org.opencontainers.image.ref.name": name.tag ?? "latest",
    },
  }));
}

/** The manifest the image came with, when its layers are saved as they came; else one made of what is saved. */
async function addManifest(
  content: Content,
  image: ImageRecord,
  layers: Descriptor[],
  blobs: Blobs,
): Promise<Descriptor> {
  const isAsReceived = layers.every(({ digest }, at) => digest === image.blobs[at]?.digest);
  if (image.manifest && isAsReceived) {
    await addBlob(content, image.manifest.digest, blobs);
    return image.manifest;
  }
  const configBytes = await blobs.getSizeBytes(image.id as Digest);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: image.id as Digest, size: configBytes },
    layers,
  };
  const text = JSON.stringify(manifest);
  const digest = digestOf(text);
  content.set(digest, { text });
  return { mediaType: mediaTypes.manifest, digest, size: Buffer.byteLength(text) };
}

async function addBlob(content: Content, digest: Digest, blobs: Blobs): Promise<void> {
  if (!content.has(digest)) {
    content.set(digest, { path: blobs.path(digest), sizeBytes: await blobs.getSizeBytes(digest) });
  }
}

/** Gzip and plain layers go in as they are; others, which older readers don't know, decompressed. */
async function addLayer(
  content: Content,
  layer: Descriptor,
  diffId: Digest,
  blobs: Blobs,
): Promise<Descriptor> {
  const compression = await compressionOf(blobs.path(layer.digest));
  if (compression === "none" || compression === "gzip") {
    await addBlob(content, layer.digest, blobs);
    const mediaType = compression === "gzip" ? mediaTypes.gzipLayer : mediaTypes.layer;
    return { mediaType, digest: layer.digest, size: layer.size };
  }
  const known = content.get(diffId);
  if (!known || !("path" in known)) {
    const { output } = await decompress(createReadStream(blobs.path(layer.digest)));
    const { path, sizeBytes } = await blobs.spool(output, diffId);
    content.set(diffId, { path, sizeBytes, isTemporary: true });
    return { mediaType: mediaTypes.layer, digest: diffId, size: sizeBytes };
  }
  return { mediaType: mediaTypes.layer, digest: diffId, size: known.sizeBytes };
}

async function write(output: Writable, content: Content, documents: Record<string, unknown>): Promise<void> {
  const put = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      const stop = () => reject(unavailable("the connection was closed"));
      output.once("close", stop);
      output.write(bytes, (error) => {
        output.off("close", stop);
        if (error) reject(error);
        else resolve();
      });
    });
  await put(encodeEntry(header("blobs/", 0, "directory")));
  await put(encodeEntry(header("blobs/sha256/", 0, "directory")));
  for (const [digest, blob] of [...content].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if ("text" in blob) await put(packText(blobName(digest), blob.text));
    else {
      await put(encodeEntry(header(blobName(digest), blob.sizeBytes)));
      await copyFile(blob.path, blob.sizeBytes, put);
      await put(Buffer.alloc(paddingAfter(blob.sizeBytes)));
    }
  }
  for (const [name, document] of Object.entries(documents))
    await put(packText(name, JSON.stringify(document)));
  await new Promise<void>((resolve, reject) => {
    output
      .once("error", reject)
      .once("close", resolve)
      .end(archiveEnd, () => resolve());
  });
}

/** Through one buffer, used again and again: a new one for each piece keeps the garbage collector busy. */
async function copyFile(
  path: string,
  sizeBytes: number,
  put: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes));
  const file = await open(path);
  try {
    for (let at = 0; at < sizeBytes; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, sizeBytes - at), at);
      if (bytesRead === 0) throw internal(`blob ${path} is cut short`);
      await put(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function discardTemporary(content: Content): Promise<void> {
  for (const blob of content.values())
    if ("path" in blob && blob.isTemporary) await rm(blob.path, { force: true });
}

function packText(name: string, text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([
    encodeEntry(header(name, body.length)),
    body,
    Buffer.alloc(paddingAfter(body.length)),
  ]);
}

function header(name: string, sizeBytes: number, type: "file" | "directory" = "file"): TarEntry {
  return { name, type, mode: type === "file" ? 0o644 : 0o755, uid: 0, gid: 0, sizeBytes, mtime: epoch };
}

function blobName(digest: string): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

import { rm } from "node:fs/promises";
import type { PushTarget } from "../../distribution/publication.ts";
import type { Registries } from "../../distribution/registries.ts";
import { EngineError } from "../../errors.ts";
import type { Digest } from "../../formats/digest.ts";
import type { ProgressMessage } from "../../formats/docker-api/docker-api.ts";
import { type Descriptor, isNondistributable, type Platform } from "../../formats/oci-manifest.ts";
import type { Reference } from "../../formats/reference.ts";
import type { RegistryAuth } from "../../formats/registry-auth.ts";
import { createGrowth } from "../../sys/growing-file.ts";
import type { Slots } from "../../sys/slots.ts";
import { findBlob } from "../blob-source.ts";
import type { ImageJobs } from "../jobs.ts";
import type { PresentManifest } from "../select-manifest.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { ImageCatalog, ImageRecord } from "../store/catalog.ts";
import type { Layers } from "../store/layers.ts";
import { type BlobFile, type PushedLayer, publishLayers } from "./publish-layers.ts";
import { describePush, findMountSources, type PackedLayer, type Packing } from "./pushed-image.ts";

export interface PushOptions {
  auth: RegistryAuth;
  /** Of an image for several, the one to push. */
  platform?: Platform;
  /** This image, whatever the reference stands for here. */
  id?: string;
  /** The registry gets no tag for it. */
  isByDigest?: boolean;
  /** The image here gets no name of its digest there. */
  staysUnnamed?: boolean;
  /** Of what was made here. */
  packing?: Packing;
  report: (message: ProgressMessage) => void;
  signal: AbortSignal;
}

export interface PushStore {
  registries: Registries;
  blobs: BlobStore;
  catalog: ImageCatalog;
  layers: Layers;
  jobs: ImageJobs;
  uploadSlots: Slots;
}

/** One push under way. */
export interface PushContext extends Pick<PushOptions, "report" | "signal" | "isByDigest" | "staysUnnamed"> {
  packing: Packing;
  store: PushStore;
  reference: Reference;
  publication: PushTarget;
}

/** A document that the registry is to get when all that it names is there. */
export interface PushedManifest {
  mediaType: string;
  text: string;
}

/** Has the registry get the layers and the config of a manifest. @returns the manifest */
export async function publishContent(
  context: PushContext,
  manifest: PresentManifest,
  packed: readonly PackedLayer[],
  isOci?: boolean,
): Promise<PushedManifest> {
  const { content } = manifest;
  const { mediaType, text, descriptors } = await describePush(context.store.blobs, manifest, packed, isOci);
  try {
    await publishBlobs(context, descriptors, content.config.rootfs.diff_ids);
    await publishConfig(context, content.configDigest);
    return { mediaType, text };
  } catch (error) {
    throw explainForPush(error);
  }
}

/** Has the registry get all that an image consists of. @returns its index */
export async function publishIndex(context: PushContext, image: ImageRecord): Promise<PushedManifest> {
  const { store, publication, signal } = context;
  const put = async ({ digest, mediaType }: Descriptor) =>
    publication.putManifest(digest, mediaType, await store.blobs.readText(digest), signal);
  const done = new Set<Digest>();
  try {
    for (const { descriptor, content, parts, kind } of image.manifests) {
      if (done.has(descriptor.digest)) continue;
      done.add(descriptor.digest);
      if (content) await publishContent(context, { descriptor, kind, content }, []);
      await publishBlobs(context, parts ?? [], []);
      await put(descriptor);
    }
    // The innermost came last.
    for (const index of image.indexes.toReversed()) await put(index);
  } catch (error) {
    throw explainForPush(error);
  }
  return { mediaType: image.target.mediaType, text: await store.blobs.readText(image.target.digest) };
}

export async function publishBlobs(
  { store, reference, publication, report, signal }: PushContext,
  descriptors: readonly Descriptor[],
  diffIds: readonly Digest[],
): Promise<void> {
  const layers = new Map<Digest, PushedLayer>();
  const sources = findMountSources(
    store.catalog,
    reference,
    new Set(descriptors.map(({ digest }) => digest)),
  );
  for (const [at, { digest, size, mediaType, urls }] of descriptors.entries()) {
    layers.set(digest, {
      blob: { digest, sizeBytes: size },
      diffId: diffIds[at] ?? digest,
      isForeign: urls !== undefined && isNondistributable(mediaType),
      mountSources: [...(sources.get(digest) ?? [])],
    });
  }
  const openFile = (digest: Digest) => openBlobFile(store, digest);
  await publishLayers(publication, [...layers.values()], {
    slots: store.uploadSlots,
    openFile,
    report,
    signal,
  });
}

/** An upload reads a file, again where it was broken off. */
export async function openBlobFile(
  { blobs, layers, jobs }: Pick<PushStore, "blobs" | "layers" | "jobs">,
  digest: Digest,
): Promise<BlobFile> {
  if (blobs.isWhole(digest)) return { path: blobs.path(digest), close: async () => {} };
  const path = blobs.temporaryPath();
  await jobs.write(findBlob({ blobs, layers }, digest), path);
  return { path, close: () => rm(path, { force: true }) };
}

export async function publishConfig({ store: { blobs }, publication, signal }: PushContext, digest: Digest) {
  if (await publication.hasBlob(digest, signal)) return;
  const blob = { digest, sizeBytes: await blobs.getSizeBytes(digest), path: blobs.path(digest) };
  await publication.upload(blob, createGrowth(), signal);
}

/** What the specification calls unauthorized is to Docker's users a denial. */
export function explainForPush(error: unknown): unknown {
  if (!(error instanceof EngineError) || error.kind !== "forbidden" || !/unexpected HTTP/.test(error.message))
    return error;
  return new EngineError("forbidden", "denied: requested access to the resource is denied", error);
}

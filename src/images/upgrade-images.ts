import { EngineError, messageOf } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { isObject } from "../formats/json.ts";
import { type Descriptor, isIndex, parseManifest } from "../formats/oci-manifest.ts";
import type { Logger } from "../logger.ts";
import type { Kind, State } from "../state/state.ts";
import { makeManifest } from "./make-manifest.ts";
import type { BlobStore } from "./store/blobs.ts";
import {
  type EarlierImage,
  earlierImageKind,
  type ImageContent,
  type ImageRecord,
  imageKind,
  imageUseKind,
  referenceKind,
} from "./store/kinds.ts";

/** What containers keep, as far as it says which image they were made from; the rest of it is copied as it is. */
const containerKind: Kind<Record<string, unknown>> = {
  name: "container",
  read: (value) => (isObject(value) ? value : {}),
};

/**
 * Turns the images of schema 2, which were known by their config's digest, into those of schema 3. The manifests that are missing are
 * written first; then all records change at once. One that is killed begins again at the next start.
 */
export async function upgradeImages(state: State, blobs: BlobStore, logger: Logger): Promise<void> {
  const earlier = state.records(earlierImageKind);
  const known = earlier.load();
  if (known.size === 0) return;
  const upgraded = new Map<string, ImageRecord>();
  for (const [key, image] of known) {
    try {
      upgraded.set(key, await upgrade(blobs, image));
    } catch (error) {
      // A full disk is no reason to lose one.
      const isDamaged = error instanceof EngineError && ["notFound", "invalid"].includes(error.kind);
      if (!isDamaged) throw error;
      logger.error({ image: key, error: messageOf(error) }, "image dropped: its manifest cannot be made");
    }
  }
  state.transaction(() => {
    store(state, upgraded);
    for (const key of known.keys()) earlier.delete(key);
  });
  logger.info({ images: upgraded.size }, "images are known by their manifests' digests now");
}

async function upgrade(blobs: BlobStore, image: EarlierImage): Promise<ImageRecord> {
  const { id: configDigest, config, layers, sizeBytes, lastTagTime, parent } = image;
  const { target, blobs: descriptors, origin } = await findTarget(blobs, image);
  const configBytes = await blobs.getSizeBytes(configDigest);
  const content = { configDigest, configBytes, config, layers, blobs: descriptors, sizeBytes, origin };
  const manifests = [{ descriptor: target, kind: "image" as const, content }];
  return { id: target.digest, target, indexes: [], manifests, lastTagTime, parent };
}

/** The manifest it came with, else one of its own. */
async function findTarget(
  blobs: BlobStore,
  { id: config, blobs: layers, manifest }: EarlierImage,
): Promise<{ target: Descriptor; blobs: Descriptor[]; origin: ImageContent["origin"] }> {
  if (manifest && (await isManifestOf(blobs, manifest.digest, config)))
    return { target: manifest, blobs: layers, origin: "received" };
  const made = await makeManifest(blobs, config, layers);
  await blobs.put(made.text);
  return { target: made.descriptor, blobs: made.layers, origin: "made" };
}

async function isManifestOf(blobs: BlobStore, digest: Digest, config: Digest): Promise<boolean> {
  if (!blobs.isWhole(digest)) return false;
  const manifest = parseManifest(await blobs.readText(digest));
  return !isIndex(manifest) && manifest.config.digest === config;
}

/** The images, and whatever names one. */
function store(state: State, upgraded: ReadonlyMap<string, ImageRecord>): void {
  const images = state.records(imageKind);
  for (const image of upgraded.values())
    images.put(image.id, { ...image, parent: upgraded.get(image.parent)?.id ?? "" });
  const references = state.records(referenceKind);
  for (const [key, { id }] of references.load()) {
    const image = upgraded.get(id);
    if (image) references.put(key, { id: image.id });
  }
  const uses = state.records(imageUseKind);
  for (const [key, use] of uses.load()) {
    const image = upgraded.get(key);
    if (!image) continue;
    uses.delete(key);
    uses.put(image.id, use);
  }
  const containers = state.records(containerKind);
  for (const [key, container] of containers.load()) {
    const image = upgraded.get(String(container.imageId));
    if (image) containers.put(key, { ...container, imageId: image.id, manifest: describeRun(image) });
  }
}

function describeRun({ target, manifests: [first] }: ImageRecord): Descriptor {
  const { os, architecture, variant } = first?.content?.config ?? { os: "", architecture: "" };
  return { ...target, platform: { os, architecture, ...(variant && { variant }) } };
}

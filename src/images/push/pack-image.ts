import { type Digest, digestOf, hexOf } from "../../formats/digest.ts";
import { isObject } from "../../formats/json.ts";
import { type Descriptor, mediaTypes } from "../../formats/oci-manifest.ts";
import { describeIndex, describeStatements } from "../built-index.ts";
import { hasIndex, type PresentManifest, presentManifests } from "../select-manifest.ts";
import type { BlobStore } from "../store/blobs.ts";
import type { ImageRecord, ManifestRecord } from "../store/kinds.ts";
import type { PushStore } from "./publish-content.ts";
import {
  annotationsOf,
  asOci,
  describePush,
  type PackedLayer,
  type Packing,
  withPackedLayers,
} from "./pushed-image.ts";

/** An image that was made here as others get it: with layers that are compressed, and manifests that say so. */
export interface PackedImage {
  /** The manifest or index that stands for it. */
  target: Descriptor;
  images: PackedManifest[];
  /** What is said of them: manifests, and what they name. */
  statements: { descriptor: Descriptor; parts: Descriptor[] }[];
  /** The text of manifests, of statements and of the index, by digest. */
  documents: Map<Digest, string>;
}

export interface PackedManifest {
  manifest: PresentManifest;
  descriptor: Descriptor;
  layers: Descriptor[];
}

type PackingStore = Pick<PushStore, "blobs" | "layers" | "jobs" | "catalog">;

/** Packs an image whose manifests were all made here. All of its blobs are in the store while `work` runs. @throws the signal's reason */
export async function withPackedImage<R>(
  store: PackingStore,
  image: ImageRecord,
  packing: Packing,
  signal: AbortSignal,
  work: (packed: PackedImage) => Promise<R>,
): Promise<R> {
  const wanted = { id: image.id, manifests: presentManifests(image) };
  return withPackedLayers(store, wanted, packing, signal, async (packed) =>
    work(await describePacked(store.blobs, image, packed, packing.isOci)),
  );
}

async function describePacked(
  blobs: BlobStore,
  image: ImageRecord,
  packed: ReadonlyMap<PresentManifest, PackedLayer[]>,
  isOci: boolean | undefined,
): Promise<PackedImage> {
  const documents = new Map<Digest, string>();
  const attestations = image.manifests.filter(({ kind }) => kind === "attestation");
  // Statements are OCI's alone, and an index is Docker's only where that is asked for.
  const style = hasIndex(image) ? attestations.length > 0 || isOci !== false : isOci;
  const images: PackedManifest[] = [];
  for (const [manifest, layers] of packed) {
    const { mediaType, text, descriptors } = await describePush(blobs, manifest, layers, style);
    const descriptor = {
      ...manifest.descriptor,
      mediaType,
      digest: digestOf(text),
      size: Buffer.byteLength(text),
    };
    documents.set(descriptor.digest, text);
    images.push({ manifest, descriptor, layers: descriptors });
  }
  const statements: PackedImage["statements"] = [];
  for (const one of attestations) statements.push(await describeAttestation(blobs, documents, one, images));
  const [first] = images;
  if (first && !hasIndex(image)) return { target: first.descriptor, images, statements, documents };
  const annotations = (await annotationsOf(blobs, image.target.digest)) ?? {};
  const type = style === false ? mediaTypes.dockerList : mediaTypes.index;
  const target = describeIndex(documents, [...images, ...statements], annotations, type);
  return { target, images, statements, documents };
}

async function describeAttestation(
  blobs: BlobStore,
  documents: Map<Digest, string>,
  { descriptor, parts = [] }: ManifestRecord,
  images: readonly PackedManifest[],
): Promise<PackedImage["statements"][number]> {
  const before = (descriptor.annotations?.["vnd.docker.reference.digest"] ?? "") as Digest;
  const image = images.find(({ manifest }) => manifest.descriptor.digest === before);
  const subject = image?.descriptor.digest ?? before;
  const packed = new Map(
    image?.manifest.content.blobs.map(({ digest }, at) => [digest, image.layers[at]] as const),
  );
  const layers: Descriptor[] = [];
  for (const part of parts.slice(1)) {
    const text = retarget(await blobs.readText(part.digest), before, subject, packed);
    const digest = digestOf(text);
    documents.set(digest, text);
    layers.push({ ...part, digest, size: Buffer.byteLength(text) });
  }
  const made = describeStatements(documents, subject, layers);
  return { descriptor: made.descriptor, parts: made.parts ?? [] };
}

/** A statement's subject is the image by its digest, and it may name layers as they were. */
function retarget(
  statement: string,
  from: Digest,
  to: Digest,
  packed: ReadonlyMap<Digest, Descriptor | undefined>,
): string {
  const said = JSON.parse(statement, (_, value: unknown) => {
    if (!isObject(value) || typeof value.mediaType !== "string") return value;
    const other = packed.get(value.digest as Digest);
    return other ? asOci({ mediaType: other.mediaType, digest: other.digest, size: other.size }) : value;
  }) as { subject?: { digest?: { sha256?: string } }[] };
  for (const { digest } of said.subject ?? []) if (digest?.sha256 === hexOf(from)) digest.sha256 = hexOf(to);
  return JSON.stringify(said);
}

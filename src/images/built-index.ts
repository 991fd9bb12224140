import { type Digest, digestOf } from "../formats/digest.ts";
import { type Descriptor, mediaTypes, type Platform } from "../formats/oci-manifest.ts";
import { type BuiltContent, prepareBuilt, publishBuilt } from "./built-image.ts";
import { type MadeManifest, makeManifest } from "./make-manifest.ts";
import type { ImageRoom } from "./room.ts";
import type { ManifestSource } from "./store/add-image.ts";
import type { ImageRecord } from "./store/catalog.ts";
import type { ContentSource } from "./unpack-content.ts";

/** Something that is said of an image, and kept beside it (in-toto). */
export interface Attestation {
  predicateType: string;
  text: string;
}

/** One image of several. */
export interface BuiltPart extends BuiltContent {
  platform: Platform;
  /** Of the manifest, and of what the index says of it. */
  annotations: Record<string, string>;
  descriptorAnnotations: Record<string, string>;
  /** Of the image with this digest, and these layers. */
  statements(digest: Digest, layers: readonly Descriptor[]): Attestation[];
}

/** Images for several platforms under one name, or one with what is said of it. */
export interface BuiltIndex {
  parts: readonly BuiltPart[];
  names: readonly string[];
  annotations: Record<string, string>;
  /** As of one image. */
  holder?: symbol | undefined;
}

/** Documents that are to be in the store, by digest. */
type Documents = Map<Digest, string>;

/** @throws EngineError as for one image */
export async function addBuiltIndex(room: ImageRoom, built: BuiltIndex): Promise<ImageRecord> {
  const { blobs, catalog } = room;
  const prepared = await Promise.all(
    built.parts.map(async (part) => ({ part, content: await prepareBuilt(room, part) })),
  );
  const needed = prepared.flatMap(({ content }) => content.needed);
  return catalog.protect(needed, async () => {
    const documents: Documents = new Map();
    const images: ManifestSource[] = [];
    const attestations: ManifestSource[] = [];
    for (const { part, content } of prepared) {
      const { text, blobs: layers, packed } = content;
      const config = await blobs.put(text);
      const made = await makeManifest(blobs, config, layers, part.annotations);
      images.push(describeImage(documents, made, part, config, packed));
      const attestation = describeAttestation(documents, made, part);
      if (attestation) attestations.push(attestation);
    }
    const manifests = [...images, ...attestations];
    const target = describeIndex(documents, manifests, built.annotations);
    return catalog.protect([...documents.keys()], async () => {
      for (const text of documents.values()) await blobs.put(text);
      const image = await catalog.add({ target, indexes: [], manifests, holder: built.holder });
      return publishBuilt(room, image, built.names);
    });
  });
}

function describeImage(
  documents: Documents,
  { descriptor, text, layers }: MadeManifest,
  { platform, descriptorAnnotations: annotations }: BuiltPart,
  config: Digest,
  packed: ContentSource["packed"],
): ManifestSource {
  documents.set(descriptor.digest, text);
  const described = { ...descriptor, ...(Object.keys(annotations).length > 0 && { annotations }), platform };
  const content = { config, blobs: layers, origin: "made" as const, ...(packed && { packed }) };
  return { descriptor: described, kind: "image", content };
}

const predicateKey = "in-toto.io/predicate-type";
const statementType = "application/vnd.in-toto+json";

function describeAttestation(
  documents: Documents,
  { descriptor: { digest: subject }, layers: described }: MadeManifest,
  { statements }: BuiltPart,
): ManifestSource | undefined {
  const said = statements(subject, described);
  if (said.length === 0) return undefined;
  const layers = said.map(({ predicateType, text }): Descriptor => {
    const digest = put(documents, text);
    const annotations = { [predicateKey]: predicateType };
    return { mediaType: statementType, digest, size: Buffer.byteLength(text), annotations };
  });
  return describeStatements(documents, subject, layers);
}

/** The manifest of what is said of an image, as BuildKit makes it. @param layers the statements */
export function describeStatements(
  documents: Documents,
  subject: Digest,
  layers: readonly Descriptor[],
): ManifestSource {
  const unknown = { architecture: "unknown", os: "unknown" };
  const rootfs = { type: "layers", diff_ids: layers.map(({ digest }) => digest) };
  const configText = JSON.stringify({ ...unknown, config: {}, rootfs });
  const config = {
    ...{
      mediaType: mediaTypes.config,
      digest: put(documents, configText),
      size: Buffer.byteLength(configText),
    },
  };
  const text = format({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers });
  const descriptor = {
    ...{ mediaType: mediaTypes.manifest, digest: put(documents, text), size: Buffer.byteLength(text) },
    annotations: {
      "vnd.docker.reference.digest": subject,
      "vnd.docker.reference.type": "attestation-manifest",
    },
    platform: unknown,
  };
  return { descriptor, kind: "attestation", parts: [config, ...layers] };
}

export function describeIndex(
  documents: Documents,
  manifests: readonly Pick<ManifestSource, "descriptor">[],
  annotations: Record<string, string>,
  mediaType: string = mediaTypes.index,
): Descriptor {
  const text = format({
    ...{ schemaVersion: 2, mediaType },
    manifests: manifests.map(({ descriptor }) => descriptor),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  });
  return { mediaType, digest: put(documents, text), size: Buffer.byteLength(text) };
}

function put(documents: Documents, text: string): Digest {
  const digest = digestOf(text);
  documents.set(digest, text);
  return digest;
}

const format = (document: unknown) => JSON.stringify(document, undefined, 2);

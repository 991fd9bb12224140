import { rm, writeFile } from "node:fs/promises";
import { type Digest, digestOf, hexOf } from "../../formats/digest.ts";
import { isObject } from "../../formats/json.ts";
import type { Descriptor } from "../../formats/oci-manifest.ts";
import { createGrowth } from "../../sys/growing-file.ts";
import { describeIndex, describeStatements } from "../built-index.ts";
import { type PresentManifest, presentManifests } from "../select-manifest.ts";
import type { ImageRecord, ManifestRecord } from "../store/kinds.ts";
import { explainForPush, type PushContext, type PushedManifest, publishContent } from "./publish-content.ts";
import { keepPacked, packLayers } from "./pushed-image.ts";

/**
 * Has the registry get an index that was made here. Its layers go compressed, so its manifests are others than here, and what is said of
 * them is said of those. @returns the index
 */
export async function publishBuiltIndex(context: PushContext, image: ImageRecord): Promise<PushedManifest> {
  const pushed = new Map<Digest, Descriptor>();
  try {
    for (const manifest of presentManifests(image))
      pushed.set(manifest.descriptor.digest, await publishImage(context, manifest));
    const attestations = image.manifests.filter(({ kind }) => kind === "attestation");
    const manifests: Pick<ManifestRecord, "descriptor">[] = [...pushed.values()].map((descriptor) => ({
      descriptor,
    }));
    for (const attestation of attestations)
      manifests.push(await publishStatements(context, attestation, pushed));
    const documents = new Map<Digest, string>();
    const index = describeIndex(documents, manifests, await annotationsOf(context, image.target.digest));
    return { mediaType: index.mediaType, text: documents.get(index.digest) as string };
  } catch (error) {
    throw explainForPush(error);
  }
}

/** `parseManifest` leaves them out: nothing else asks for them. */
async function annotationsOf({ store }: PushContext, digest: Digest): Promise<Record<string, string>> {
  const { annotations } = JSON.parse(await store.blobs.readText(digest)) as { annotations?: unknown };
  return isObject(annotations) ? (annotations as Record<string, string>) : {};
}

async function publishImage(context: PushContext, manifest: PresentManifest): Promise<Descriptor> {
  const { store, publication, signal } = context;
  const packed = await packLayers(store, manifest.content, signal);
  const annotations = await annotationsOf(context, manifest.descriptor.digest);
  const style = { isOci: true, ...(Object.keys(annotations).length > 0 && { annotations }) };
  return store.catalog.protect(
    packed.map(({ descriptor }) => descriptor.digest),
    async () => {
      await keepPacked(store, packed);
      const { mediaType, text } = await publishContent(context, manifest, packed, style);
      const digest = digestOf(text);
      await publication.putManifest(digest, mediaType, text, signal);
      return { ...manifest.descriptor, mediaType, digest, size: Buffer.byteLength(text) };
    },
  );
}

async function publishStatements(
  context: PushContext,
  { descriptor, parts = [] }: ManifestRecord,
  pushed: ReadonlyMap<Digest, Descriptor>,
): Promise<Pick<ManifestRecord, "descriptor">> {
  const { store, publication, signal } = context;
  const before = (descriptor.annotations?.["vnd.docker.reference.digest"] ?? "") as Digest;
  const subject = pushed.get(before)?.digest ?? before;
  const documents = new Map<Digest, string>();
  const layers: Descriptor[] = [];
  for (const part of parts.slice(1)) {
    const text = retarget(await store.blobs.readText(part.digest), before, subject);
    const digest = digestOf(text);
    documents.set(digest, text);
    layers.push({ ...part, digest, size: Buffer.byteLength(text) });
  }
  const made = describeStatements(documents, subject, layers);
  for (const { digest } of made.parts ?? []) await upload(context, digest, documents.get(digest) as string);
  const text = documents.get(made.descriptor.digest) as string;
  await publication.putManifest(made.descriptor.digest, made.descriptor.mediaType, text, signal);
  return { descriptor: made.descriptor };
}

/** A statement's subject is the image by its digest. */
function retarget(statement: string, from: Digest, to: Digest): string {
  const said = JSON.parse(statement) as { subject?: { digest?: { sha256?: string } }[] };
  for (const { digest } of said.subject ?? []) if (digest?.sha256 === hexOf(from)) digest.sha256 = hexOf(to);
  return JSON.stringify(said);
}

async function upload(
  { store, publication, signal }: PushContext,
  digest: Digest,
  text: string,
): Promise<void> {
  if (await publication.hasBlob(digest, signal)) return;
  const path = store.blobs.temporaryPath();
  try {
    await writeFile(path, text, { flag: "wx", mode: 0o600 });
    await publication.upload({ digest, sizeBytes: Buffer.byteLength(text), path }, createGrowth(), signal);
  } finally {
    await rm(path, { force: true });
  }
}

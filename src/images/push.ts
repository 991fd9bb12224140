import { openPublication, type Publication } from "../distribution/publication.ts";
import type { Registries } from "../distribution/registries.ts";
import { EngineError, invalid, notFound } from "../errors.ts";
import { type Digest, shortId } from "../formats/digest.ts";
import type { ProgressMessage } from "../formats/docker-api.ts";
import { familiarRepository, formatFamiliar, type Reference, repositoryOf } from "../formats/reference.ts";
import type { RegistryAuth } from "../formats/registry-auth.ts";
import { createGrowth } from "../sys/growing-file.ts";
import type { Blobs } from "./blobs.ts";
import type { Catalog, ImageRecord } from "./catalog.ts";
import type { ImageJobs } from "./jobs.ts";
import { type PushedLayer, publishLayers } from "./publish-layers.ts";
import { describePush, findMountSources, keepPacked, type PackedLayer, packLayers } from "./pushed-image.ts";
import type { Slots } from "./slots.ts";

export interface PushOptions {
  auth: RegistryAuth;
  report: (message: ProgressMessage) => void;
  signal: AbortSignal;
}

export interface PushStore {
  registries: Registries;
  blobs: Blobs;
  catalog: Catalog;
  jobs: ImageJobs;
  uploadSlots: Slots;
}

/**
 * `docker push`: one tag, or every tag of the repository when there is none.
 * @throws EngineError in Docker's words
 */
export async function pushImages(
  store: PushStore,
  reference: Reference,
  options: PushOptions,
): Promise<void> {
  if (reference.digest) throw invalid("cannot push a digest reference");
  options.report({ status: `The push refers to repository [${repositoryOf(reference)}]` });
  const all = store.catalog.references.tagsOf(reference);
  if (all.length === 0)
    throw notFound(`An image does not exist locally with the tag: ${familiarRepository(reference)}`);
  const wanted = reference.tag ? all.filter((one) => one.reference.tag === reference.tag) : all;
  if (wanted.length === 0) throw notFound(`tag does not exist: ${formatFamiliar(reference)}`);
  // What is pushed stays until it is there, whatever happens to its names meanwhile.
  const pushed = wanted.map(({ id, reference: tagged }) => ({ image: store.catalog.get(id), tagged }));
  const needed = pushed.flatMap(({ image }) => [
    image.id,
    ...image.blobs.map(({ digest }) => digest),
    ...(image.manifest ? [image.manifest.digest] : []),
  ]);
  await store.catalog.protect(needed, async () => {
    const connection = await store.registries.own(reference.domain).connect(options.signal);
    const { transport } = store.registries;
    const publication = openPublication(transport, connection, reference.path, options.auth);
    for (const { image, tagged } of pushed) {
      // Its layers may be compressed since the tag before.
      const current = store.catalog.images.get(image.id) ?? image;
      await pushOne(store, current, tagged, publication, options);
    }
  });
}

async function pushOne(
  store: PushStore,
  image: ImageRecord,
  reference: Reference,
  publication: Publication,
  { report, signal }: PushOptions,
): Promise<void> {
  const diffIds = image.config.rootfs.diff_ids;
  for (const diffId of diffIds) report({ status: "Preparing", progressDetail: {}, id: shortId(diffId) });
  const packed = await packLayers(store, image, signal);
  const made = packed.map(({ descriptor }) => descriptor.digest);
  await store.catalog.protect(made, async () => {
    await keepPacked(store, packed);
    await publish(store, image, reference, publication, packed, { report, signal });
  });
}

async function publish(
  store: PushStore,
  image: ImageRecord,
  reference: Reference,
  publication: Publication,
  packed: readonly PackedLayer[],
  { report, signal }: Pick<PushOptions, "report" | "signal">,
): Promise<void> {
  const { catalog, blobs } = store;
  const tag = reference.tag ?? "latest";
  const diffIds = image.config.rootfs.diff_ids;
  const { mediaType, text, descriptors } = await describePush(blobs, image, packed);
  const layers = new Map<Digest, PushedLayer>();
  for (const [at, { digest, size, mediaType: kind, urls }] of descriptors.entries()) {
    layers.set(digest, {
      blob: { digest, sizeBytes: size, path: blobs.path(digest) },
      diffId: diffIds[at] ?? digest,
      isForeign: urls !== undefined && /foreign|nondistributable/.test(kind),
      mountSources: findMountSources(catalog, reference, digest),
    });
  }
  try {
    await publishLayers(publication, [...layers.values()], store.uploadSlots, report, signal);
    await publishConfig(publication, image, blobs, signal);
    const digest = await publication.putManifest(tag, mediaType, text, signal);
    const { domain, path } = reference;
    if (catalog.references.find({ domain, path, digest }) !== image.id && catalog.images.has(image.id))
      catalog.name({ domain, path, digest }, image.id);
    const size = Buffer.byteLength(text);
    report({ status: `${tag}: digest: ${digest} size: ${size}` });
    report({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } });
  } catch (error) {
    throw explainForPush(error);
  }
}

async function publishConfig(
  publication: Publication,
  image: ImageRecord,
  blobs: Blobs,
  signal: AbortSignal,
) {
  const digest = image.id as Digest;
  if (await publication.hasBlob(digest, signal)) return;
  const blob = { digest, sizeBytes: await blobs.getSizeBytes(digest), path: blobs.path(digest) };
  await publication.upload(blob, createGrowth(), signal);
}

/** What the specification calls unauthorized is to Docker's users a denial. */
function explainForPush(error: unknown): unknown {
  if (!(error instanceof EngineError) || error.kind !== "forbidden" || !/unexpected HTTP/.test(error.message))
    return error;
  return new EngineError("forbidden", "denied: requested access to the resource is denied", error);
}

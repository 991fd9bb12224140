import { openPushTarget, type PushTarget } from "../../distribution/publication.ts";
import { invalid, notFound } from "../../errors.ts";
import { digestOf, shortId } from "../../formats/digest.ts";
import type { Descriptor, Platform } from "../../formats/oci-manifest.ts";
import { familiarRepository, formatFamiliar, type Reference, repositoryOf } from "../../formats/reference.ts";
import { describeDescriptor } from "../describe-manifests.ts";
import { blobsOf, layersOf } from "../image-index.ts";
import {
  getPresentManifest,
  hasIndex,
  mainManifest,
  platformOf,
  presentManifests,
} from "../select-manifest.ts";
import type { ImageRecord } from "../store/catalog.ts";
import type { ImageContent } from "../store/kinds.ts";
import { publishBuilt } from "./publish-built.ts";
import {
  explainForPush,
  type PushContext,
  type PushedManifest,
  type PushOptions,
  type PushStore,
  publishContent,
  publishIndex,
} from "./publish-content.ts";
import { withPackedLayers } from "./pushed-image.ts";

/**
 * `docker push`: one tag, or every tag of the repository when there is none.
 * @throws EngineError in Docker's words
 */
export async function pushImages(
  store: PushStore,
  reference: Reference,
  options: PushOptions,
): Promise<Descriptor[]> {
  if (reference.digest) throw invalid("cannot push a digest reference");
  options.report({ status: `The push refers to repository [${repositoryOf(reference)}]` });
  const wanted = options.id === undefined ? findTagged(store, reference) : [{ id: options.id, reference }];
  // What is pushed stays until it is there, whatever happens to its names meanwhile.
  const pushed = wanted.map(({ id, reference: tagged }) => ({ image: store.catalog.get(id), tagged }));
  const needed = pushed.flatMap(({ image }) => [...blobsOf(image), ...layersOf(image)]);
  return store.catalog.protect(needed, async () => {
    const connection = await store.registries.own(reference.domain).connect(options.signal);
    const { transport } = store.registries;
    const publication = openPushTarget(transport, connection, reference.path, options.auth);
    const there: Descriptor[] = [];
    for (const { image, tagged } of pushed) {
      // Its layers may be compressed since the tag before.
      const current = store.catalog.images.get(image.id) ?? image;
      there.push(await pushOne(store, current, tagged, publication, options));
    }
    return there;
  });
}

function findTagged({ catalog }: PushStore, reference: Reference): { id: string; reference: Reference }[] {
  const all = catalog.references.tagsOf(reference);
  if (all.length === 0)
    throw notFound(`An image does not exist locally with the tag: ${familiarRepository(reference)}`);
  const wanted = reference.tag ? all.filter((one) => one.reference.tag === reference.tag) : all;
  if (wanted.length === 0) throw notFound(`tag does not exist: ${formatFamiliar(reference)}`);
  return wanted;
}

/** The whole image where all of it is here and is as it came; else the manifest for this machine, as Docker does. */
async function pushOne(
  store: PushStore,
  image: ImageRecord,
  reference: Reference,
  publication: PushTarget,
  { report, signal, platform, packing = { remembers: "shared" }, isByDigest, staysUnnamed }: PushOptions,
): Promise<Descriptor> {
  const context: PushContext = {
    ...{ store, reference, publication, report, signal, packing },
    ...(isByDigest && { isByDigest }),
    ...(staysUnnamed && { staysUnnamed }),
  };
  const main = platform
    ? getPresentManifest(image, platform, formatFamiliar(reference))
    : mainManifest(image);
  if (hasIndex(image) && isWhole(image) && !platform) {
    for (const { content } of presentManifests(image)) prepare(content, report);
    return complete(context, image, await publishIndex(context, image));
  }
  if (isBuilt(image) && (!hasIndex(image) || !platform)) {
    for (const { content } of presentManifests(image)) prepare(content, report);
    return complete(context, image, await publishBuilt(context, image));
  }
  prepare(main.content, report);
  const wanted = { id: image.id, manifests: [main] };
  return withPackedLayers(store, wanted, packing, signal, async (packed) => {
    const manifest = await publishContent(context, main, packed.get(main) ?? [], packing.isOci);
    if (hasIndex(image))
      report({ progressDetail: {}, aux: describeChoice(image, manifest, platformOf(main)) });
    return complete(context, image, manifest);
  });
}

function isWhole({ manifests }: ImageRecord): boolean {
  return manifests.every(({ content, parts }) => (content ? content.origin === "received" : parts));
}

/** Its layers are compressed for the registry, so that manifests and index are others there. */
function isBuilt({ manifests }: ImageRecord): boolean {
  return manifests.every(({ content, parts }) => (content ? content.origin === "made" : parts));
}

function prepare({ config }: ImageContent, report: PushOptions["report"]): void {
  for (const diffId of config.rootfs.diff_ids)
    report({ status: "Preparing", progressDetail: {}, id: shortId(diffId) });
}

/** Docker's note that of an index only one manifest was pushed. */
function describeChoice({ target }: ImageRecord, { mediaType, text }: PushedManifest, platform: Platform) {
  const selected = { mediaType, digest: digestOf(text), size: Buffer.byteLength(text), platform };
  return {
    manifestPushedInsteadOfIndex: true,
    originalIndex: describeDescriptor(target),
    selectedManifest: describeDescriptor(selected),
  };
}

/** Puts the manifest or index, all of which is there, under its tag. */
async function complete(
  { store: { catalog }, reference, publication, report, signal, isByDigest, staysUnnamed }: PushContext,
  image: ImageRecord,
  { mediaType, text }: PushedManifest,
): Promise<Descriptor> {
  const tag = isByDigest ? digestOf(text) : (reference.tag ?? "latest");
  const digest = await publication
    .putManifest(tag, mediaType, text, signal)
    .catch((error: unknown) => Promise.reject(explainForPush(error)));
  const { domain, path } = reference;
  const isNew = catalog.references.find({ domain, path, digest }) !== image.id;
  if (!staysUnnamed && isNew && catalog.images.has(image.id))
    catalog.name({ domain, path, digest }, image.id);
  const size = Buffer.byteLength(text);
  report({ status: `${tag}: digest: ${digest} size: ${size}` });
  report({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } });
  return { mediaType, digest, size };
}

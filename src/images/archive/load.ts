import type { Readable } from "node:stream";
import { invalid } from "../../errors.ts";
import { chainIds, type Digest, shortId } from "../../formats/digest.ts";
import type { ProgressMessage } from "../../formats/docker-api/docker-api.ts";
import { layerLimit, parseImageConfig } from "../../formats/image-config.ts";
import { type Descriptor, mediaTypes, type Platform } from "../../formats/oci-manifest.ts";
import { formatFamiliar, parseReference, type Reference } from "../../formats/reference.ts";
import { createPauses } from "../../sys/pauses.ts";
import { compressionOf } from "../../trees/decompress.ts";
import {
  type Candidate,
  type CandidateContent,
  type CandidateManifest,
  checkSize,
  contentsOf,
  getFile,
  readArchiveDocument,
} from "../candidate.ts";
import type { ImageJobs } from "../jobs.ts";
import { readLegacyArchive, spoolPlain } from "../legacy-archive.ts";
import { addMadeImage } from "../make-manifest.ts";
import { restrictCandidates } from "../restrict-candidates.ts";
import { contentOf } from "../select-manifest.ts";
import type { BlobStore, SpooledBlob } from "../store/blobs.ts";
import type { ImageCatalog, ImageRecord, ManifestSource } from "../store/catalog.ts";
import type { LastUse } from "../store/last-use.ts";
import type { Layers } from "../store/layers.ts";
import { wrongDiffId } from "../store/make-layer.ts";
import type { OnUnpacked } from "../unpack-content.ts";
import { type ArchiveFile, type ArchiveStore, discardFile, wholeFile } from "./archive-file.ts";
import { type ArchiveFiles, takeArchive } from "./archive-read.ts";
import { readLayout } from "./layout.ts";

/**
 * Loads every image of a docker-archive (`docker save`, of any version) or an OCI layout, plain or compressed.
 * @throws invalid for a damaged archive; then no image of it was added
 */
export async function loadArchive(
  input: Readable,
  { catalog, lastUse, ...store }: ArchiveStore & { catalog: ImageCatalog; lastUse: LastUse },
  report: (message: ProgressMessage) => void,
  platforms: readonly Platform[] = [],
): Promise<ImageRecord[]> {
  const { blobs, jobs } = store;
  const files = await takeArchive(input, store);
  const made: SpooledBlob[] = [];
  const onUnpacked = reportLayer(report);
  try {
    const found =
      files.find("repositories") && !files.find("manifest.json") && !files.find("index.json")
        ? await readLegacyArchive(files, blobs, made)
        : await readCandidates(files, { blobs, jobs }, made);
    if (found.length === 0) throw invalid("invalid archive: it contains no image for this platform");
    const candidates = await restrictCandidates(found, platforms);
    const needed = new Map<Digest, ArchiveFile>();
    const protectedDigests = new Set<Digest>();
    for (const candidate of candidates) {
      for (const file of filesOf(candidate)) needed.set(file.digest, file);
      for (const content of contentsOf(candidate)) {
        const { rootfs } = parseImageConfig(await readArchiveDocument(content.config));
        if (rootfs.diff_ids.length > layerLimit) throw invalid("max depth exceeded");
        for (const chainId of chainIds(rootfs.diff_ids)) protectedDigests.add(chainId);
      }
    }
    for (const digest of needed.keys()) protectedDigests.add(digest);
    return await catalog.protect([...protectedDigests], async () => {
      const layered = new Set<ArchiveFile>();
      for (const content of candidates.flatMap(contentsOf))
        await keepStaged(content, { layers: store.layers, layered, onUnpacked });
      for (const file of needed.values())
        if (!layered.has(file)) await blobs.keep(await wholeFile(file, jobs));
      const images: ImageRecord[] = [];
      for (const candidate of candidates) {
        const image = await addCandidate({ blobs, catalog }, candidate, onUnpacked);
        lastUse.touch(image.id);
        images.push(image);
      }
      for (const [index, candidate] of candidates.entries()) {
        await nameImage(catalog, images[index] as ImageRecord, candidate.names, report);
      }
      setParents(catalog, candidates, images);
      return images;
    });
  } finally {
    for (const file of [...files.all(), ...made]) await discardFile(file, blobs);
  }
}

interface StagedLayers {
  layers: Layers;
  /** What has become a layer. */
  layered: Set<ArchiveFile>;
  onUnpacked: OnUnpacked;
}

/** Makes layers of what was unpacked as it came. Where one lies on others too, it is made again from there. */
async function keepStaged(
  content: CandidateContent,
  { layers, layered, onUnpacked }: StagedLayers,
): Promise<void> {
  const { rootfs } = parseImageConfig(await readArchiveDocument(content.config));
  const chains = chainIds(rootfs.diff_ids);
  for (const [at, { file, mediaType }] of content.layers.entries()) {
    const [diffId, chainId] = [rootfs.diff_ids[at], chains[at]];
    if (!file.staged || !diffId || !chainId || layered.has(file)) continue;
    if (diffId !== file.digest) throw wrongDiffId(file.digest, diffId);
    const isNew = !layers.find(chainId);
    await file.staged.keep(chainId);
    layered.add(file);
    if (isNew) onUnpacked(describe(file, mediaType), diffId);
  }
}

function reportLayer(report: (message: ProgressMessage) => void): OnUnpacked {
  return ({ size }: Descriptor, diffId: Digest) =>
    report({ status: "Loading layer", id: shortId(diffId), progressDetail: { current: size, total: size } });
}

function filesOf({ target, content }: Candidate): ArchiveFile[] {
  if (!target) return filesOfContent(content);
  return [
    ...target.files,
    ...target.manifests.flatMap((manifest) => [
      ...(manifest.file ? [manifest.file] : []),
      ...(manifest.content ? filesOfContent(manifest.content) : []),
      ...(manifest.parts ?? []),
    ]),
  ];
}

function filesOfContent({ config, layers }: CandidateContent): ArchiveFile[] {
  return [config, ...layers.map(({ file }) => file)];
}

function addCandidate(
  store: { blobs: BlobStore; catalog: ImageCatalog },
  { target, content }: Candidate,
  onUnpacked: OnUnpacked,
): Promise<ImageRecord> {
  if (!target)
    return addMadeImage(store, { config: content.config.digest, blobs: describeLayers(content) }, onUnpacked);
  const { descriptor, indexes } = target;
  const manifests = target.manifests.map((manifest) => sourceOf(manifest));
  return store.catalog.add({ target: descriptor, indexes, manifests }, onUnpacked);
}

function sourceOf({ descriptor, kind, content, parts }: CandidateManifest): ManifestSource {
  return {
    descriptor,
    kind,
    ...(content && {
      content: {
        config: content.config.digest,
        blobs: describeLayers(content),
        origin: "received" as const,
      },
    }),
    ...(parts && { parts: parts.map((file) => describe(file, "")) }),
  };
}

function describeLayers({ layers }: CandidateContent): Descriptor[] {
  return layers.map(({ file, mediaType }) => describe(file, mediaType));
}

function describe({ digest, sizeBytes }: SpooledBlob, mediaType: string): Descriptor {
  return { mediaType, digest, size: sizeBytes };
}

/** As far as the archive has the parents too. An image has the layers of what it was committed from, and its history. */
function setParents(
  catalog: ImageCatalog,
  candidates: readonly Candidate[],
  images: readonly ImageRecord[],
): void {
  const byConfig = new Map<string, ImageRecord>(
    images.map((image) => [contentOf(image).configDigest, image]),
  );
  for (const [index, { parent: parentId }] of candidates.entries()) {
    const image = images[index];
    const parent = parentId === undefined ? undefined : byConfig.get(parentId);
    if (!image || !parent || parent === image) continue;
    const steps = (of: ImageRecord) => contentOf(of).config.history?.length ?? 0;
    const chains = contentOf(image).layers;
    const isBelow = contentOf(parent).layers.every((chainId, at) => chains[at] === chainId);
    if (isBelow && steps(image) === steps(parent) + 1) catalog.setParent(image.id, parent.id);
  }
}

async function nameImage(
  catalog: ImageCatalog,
  image: ImageRecord,
  names: Reference[],
  report: (message: ProgressMessage) => void,
): Promise<void> {
  const pauses = createPauses();
  for (const reference of names) {
    await pauses.take();
    const shown = formatFamiliar(reference);
    const previous = catalog.references.find(reference);
    if (previous && previous !== image.id) {
      report({
        stream: `The image ${shown} already exists, renaming the old one with ID ${previous} to empty string\n`,
      });
    }
    catalog.name(reference, image.id);
    report({ stream: `Loaded image: ${shown}\n` });
  }
  if (names.length === 0) report({ stream: `Loaded image ID: ${image.id}\n` });
}

async function readCandidates(
  files: ArchiveFiles,
  { blobs, jobs }: { blobs: BlobStore; jobs: ImageJobs },
  made: SpooledBlob[],
): Promise<Candidate[]> {
  const index = files.find("index.json");
  const described = index ? await readLayout(files, index) : [];
  const list = files.find("manifest.json");
  if (!list) {
    if (!index) throw invalid("invalid archive: does not contain a manifest.json");
    return described;
  }
  checkSize(list);
  const byConfig = new Map(
    described.flatMap((candidate) =>
      contentsOf(candidate).map(({ config }): [Digest, Candidate] => [config.digest, candidate]),
    ),
  );
  const named = new Set(described.filter(({ names }) => names.length > 0));
  const candidates = new Set<Candidate>();
  for (const { config: name, repoTags, layers, parent } of await jobs.listArchive(list.path)) {
    const config = getFile(files, name);
    const names = repoTags.map(parseTagged);
    // Of an archive that is both, the layout knows the manifest by which a registry knows the image.
    const candidate = byConfig.get(config.digest) ?? {
      content: await readContent(files, config, layers, { blobs, made }),
      names: [],
    };
    if (!named.has(candidate)) candidate.names.push(...names);
    candidates.add(parent ? Object.assign(candidate, { parent }) : candidate);
  }
  return [...new Set([...candidates, ...described])];
}

/** What neither registries nor other engines know a layer packed as is unpacked. */
async function readContent(
  files: ArchiveFiles,
  config: SpooledBlob,
  names: readonly string[],
  { blobs, made }: { blobs: BlobStore; made: SpooledBlob[] },
): Promise<CandidateContent> {
  const layers: CandidateContent["layers"] = [];
  for (const name of names) {
    const file = getFile(files, name);
    const isUsual = file.staged || ["none", "gzip", "zstd"].includes(await compressionOf(file.path));
    layers.push({
      file: isUsual ? file : await spoolPlain(file, blobs, made),
      mediaType: mediaTypes.layer,
    });
  }
  return { config, layers };
}

function parseTagged(name: string): Reference {
  const reference = parseReference(name);
  if (!reference.tag) throw invalid(`invalid tag ${JSON.stringify(name)}`);
  return reference;
}

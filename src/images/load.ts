import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { invalid } from "../errors.ts";
import { chainIds, type Digest, hexOf, shortId } from "../formats/digest.ts";
import type { ProgressMessage } from "../formats/docker-api.ts";
import { parseImageConfig } from "../formats/image-config.ts";
import {
  type Descriptor,
  findForPlatform,
  isIndex,
  type Manifest,
  mediaTypes,
  parseManifest,
} from "../formats/oci-manifest.ts";
import { formatFamiliar, parseReference, type Reference } from "../formats/reference.ts";
import { type ArchiveFiles, spoolArchive } from "./archive-read.ts";
import type { Blobs, SpooledBlob } from "./blobs.ts";
import type { Catalog, ImageRecord, ImageSource } from "./catalog.ts";
import type { ImageJobs } from "./jobs.ts";

/** An image in an archive: its files are spooled, nothing of it is in the store yet. */
interface Candidate {
  config: SpooledBlob;
  layers: { file: SpooledBlob; mediaType: string }[];
  manifest?: { file: SpooledBlob; mediaType: string };
  names: Reference[];
}

const documentLimitBytes = 8 * 1024 * 1024;

/**
 * Loads every image of a docker-archive (`docker save`) or an OCI layout, plain or compressed.
 * @throws invalid for a damaged archive; then no image of it was added
 */
export async function loadArchive(
  input: Readable,
  { blobs, catalog, jobs }: { blobs: Blobs; catalog: Catalog; jobs: ImageJobs },
  report: (message: ProgressMessage) => void,
): Promise<ImageRecord[]> {
  const files = await spoolArchive(input, blobs);
  try {
    const candidates = await readCandidates(files, jobs);
    if (candidates.length === 0) throw invalid("invalid archive: it contains no image for this platform");
    const needed = new Map<Digest, SpooledBlob>();
    const protectedDigests = new Set<Digest>();
    for (const candidate of candidates) {
      for (const file of filesOf(candidate)) needed.set(file.digest, file);
      const config = parseImageConfig(await readDocument(candidate.config));
      for (const chainId of chainIds(config.rootfs.diff_ids)) protectedDigests.add(chainId);
    }
    for (const digest of needed.keys()) protectedDigests.add(digest);
    return await catalog.protect([...protectedDigests], async () => {
      for (const file of needed.values()) await blobs.keep(file);
      const images: ImageRecord[] = [];
      for (const candidate of candidates) {
        images.push(await catalog.add(sourceOf(candidate), reportLayer(report)));
      }
      for (const [index, candidate] of candidates.entries()) {
        nameImage(catalog, images[index] as ImageRecord, candidate.names, report);
      }
      return images;
    });
  } finally {
    for (const file of files.all()) await blobs.discard(file);
  }
}

function reportLayer(report: (message: ProgressMessage) => void) {
  return ({ size }: Descriptor, diffId: Digest) =>
    report({ status: "Loading layer", id: shortId(diffId), progressDetail: { current: size, total: size } });
}

function filesOf({ config, layers, manifest }: Candidate): SpooledBlob[] {
  return [config, ...layers.map(({ file }) => file), ...(manifest ? [manifest.file] : [])];
}

function sourceOf({ config, layers, manifest }: Candidate): ImageSource {
  return {
    config: config.digest,
    blobs: layers.map(({ file, mediaType }) => describe(file, mediaType)),
    ...(manifest && { manifest: describe(manifest.file, manifest.mediaType) }),
  };
}

function describe({ digest, sizeBytes }: SpooledBlob, mediaType: string): Descriptor {
  return { mediaType, digest, size: sizeBytes };
}

function nameImage(
  catalog: Catalog,
  image: ImageRecord,
  names: Reference[],
  report: (message: ProgressMessage) => void,
): void {
  for (const reference of names) {
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

async function readCandidates(files: ArchiveFiles, jobs: ImageJobs): Promise<Candidate[]> {
  const index = files.find("index.json");
  const described = index ? await readLayout(files, index) : [];
  const list = files.find("manifest.json");
  if (!list) {
    if (!index) throw invalid("invalid archive: does not contain a manifest.json");
    return described;
  }
  checkSize(list);
  return (await jobs.listArchive(list.path)).map((item) => {
    const config = getFile(files, item.config);
    // Of an archive that is both, the layout knows the manifest by which a registry knows the image.
    const same = described.find((candidate) => candidate.config.digest === config.digest);
    const layers = item.layers.map((name) => ({ file: getFile(files, name), mediaType: mediaTypes.layer }));
    const isSame = same?.layers.every(({ file }, at) => file.digest === layers[at]?.file.digest);
    return {
      config,
      layers: isSame && same ? same.layers : layers,
      ...(isSame && same?.manifest && { manifest: same.manifest }),
      names: item.repoTags.map(parseTagged),
    };
  });
}

function parseTagged(name: string): Reference {
  const reference = parseReference(name);
  if (!reference.tag) throw invalid(`invalid tag ${JSON.stringify(name)}`);
  return reference;
}

async function readLayout(files: ArchiveFiles, index: SpooledBlob): Promise<Candidate[]> {
  const top = parseManifest(await readDocument(index));
  if (!isIndex(top)) throw invalid("invalid archive: index.json is not an index");
  const candidates: Candidate[] = [];
  for (const descriptor of top.manifests) {
    if (descriptor.annotations?.["vnd.docker.reference.type"]) continue;
    const found = await findManifest(files, descriptor, 0);
    if (!found) continue;
    const { manifest, file, mediaType } = found;
    candidates.push({
      config: getBlob(files, manifest.config.digest),
      layers: manifest.layers.map((layer) => ({
        file: getBlob(files, layer.digest),
        mediaType: layer.mediaType,
      })),
      manifest: { file, mediaType },
      names: namesOf(descriptor),
    });
  }
  return candidates;
}

/** Goes down nested indexes to the manifest for this machine. */
async function findManifest(
  files: ArchiveFiles,
  descriptor: Descriptor,
  depth: number,
): Promise<{ manifest: Manifest; file: SpooledBlob; mediaType: string } | undefined> {
  if (depth > 4) throw invalid("invalid archive: indexes nested too deep");
  const file = getBlob(files, descriptor.digest);
  const document = parseManifest(await readDocument(file));
  if (!isIndex(document)) {
    const mediaType = document.mediaType ?? (descriptor.mediaType || mediaTypes.manifest);
    return { manifest: document, file, mediaType };
  }
  const chosen = findForPlatform(document.manifests);
  return chosen ? findManifest(files, chosen, depth + 1) : undefined;
}

function namesOf({ annotations }: Descriptor): Reference[] {
  const full = annotations?.["io.containerd.image.name"];
  const short = annotations?.["org.opencontainers.image.ref.name"];
  // The short form is often only a tag, which names nothing.
  const name = full ?? (short && /[:/]/.test(short) ? short : undefined);
  if (!name) return [];
  const reference = parseReference(name);
  return reference.tag ? [reference] : [];
}

function getBlob(files: ArchiveFiles, digest: Digest): SpooledBlob {
  const file = files.find(`blobs/sha256/${hexOf(digest)}`);
  if (!file) throw invalid(`invalid archive: blob ${shortId(digest)} is missing`);
  return file;
}

function getFile(files: ArchiveFiles, name: string): SpooledBlob {
  const file = files.find(name);
  if (!file) throw invalid(`invalid archive: ${JSON.stringify(name)} is missing`);
  return file;
}

function checkSize(file: SpooledBlob): void {
  if (file.sizeBytes > documentLimitBytes) throw invalid("invalid archive: a document in it is too large");
}

async function readDocument(file: SpooledBlob): Promise<string> {
  checkSize(file);
  return readFile(file.path, "utf8");
}

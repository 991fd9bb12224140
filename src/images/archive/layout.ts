import { invalid } from "../../errors.ts";
import { type Digest, hexOf, shortId } from "../../formats/digest.ts";
import { parseImageConfig } from "../../formats/image-config.ts";
import {
  type Descriptor,
  isImage,
  isIndex,
  type Manifest,
  mediaTypes,
  parseManifest,
} from "../../formats/oci-manifest.ts";
import { findForPlatform } from "../../formats/platform.ts";
import { parseReference, type Reference } from "../../formats/reference.ts";
import {
  type Candidate,
  type CandidateContent,
  type CandidateManifest,
  type CandidateTarget,
  readArchiveDocument,
} from "../candidate.ts";
import { checkDescribedSize, readIndexTree, referenceType } from "../index-tree.ts";
import type { SpooledBlob } from "../store/blobs.ts";
import type { ArchiveFile } from "./archive-file.ts";
import type { ArchiveFiles } from "./archive-read.ts";

const mostImages = 1000;

/** The images of an OCI layout (OCI image spec, image-layout.md), by its `index.json`. @throws invalid */
export async function readLayout(files: ArchiveFiles, index: ArchiveFile): Promise<Candidate[]> {
  const top = parseManifest(await readArchiveDocument(index));
  if (!isIndex(top)) throw invalid("invalid archive: index.json is not an index");
  const candidates = new Map<Digest, Candidate | undefined>();
  for (const descriptor of top.manifests) {
    if (descriptor.annotations?.[referenceType]) continue;
    const { digest } = descriptor;
    if (!candidates.has(digest)) {
      if (candidates.size >= mostImages) throw invalid("invalid archive: index.json lists too many images");
      candidates.set(digest, await readImage(files, descriptor));
    }
    candidates.get(digest)?.names.push(...namesOf(descriptor));
  }
  return [...candidates.values()].filter((candidate) => candidate !== undefined);
}

/** Undefined when nothing of it is in the archive that could run. */
async function readImage(files: ArchiveFiles, descriptor: Descriptor): Promise<Candidate | undefined> {
  const target = await readTarget(files, descriptor);
  const runnable = target.manifests.flatMap(({ content, descriptor: { platform } }) =>
    content ? [{ content, ...(platform && { platform }) }] : [],
  );
  const main = findForPlatform(runnable) ?? runnable[0];
  return main && { target, content: main.content, names: [] };
}

async function readTarget(
  files: ArchiveFiles,
  { mediaType, digest, size }: Descriptor,
): Promise<CandidateTarget> {
  const file = getBlob(files, digest);
  checkDescribedSize({ mediaType, digest, size }, file.sizeBytes);
  const document = parseManifest(await readArchiveDocument(file));
  if (!isIndex(document)) {
    const kind = document.mediaType ?? (mediaType || mediaTypes.manifest);
    const descriptor = { mediaType: kind, digest, size };
    const content = getContent(files, document);
    return {
      descriptor,
      files: [file],
      indexes: [],
      manifests: [{ descriptor, kind: "image", file, content }],
    };
  }
  const within: SpooledBlob[] = [];
  const tree = await readIndexTree(document, async (nested) => {
    const found = findBlob(files, nested.digest);
    if (!found) return undefined;
    within.push(found);
    return readArchiveDocument(found);
  });
  const manifests: CandidateManifest[] = [];
  for (const listed of tree.manifests) manifests.push(await readManifest(files, listed));
  return {
    descriptor: { mediaType: document.mediaType ?? (mediaType || mediaTypes.index), digest, size },
    files: [file, ...within],
    indexes: tree.indexes,
    manifests: await withoutForeign(manifests),
  };
}

/** One that is not in the archive is for another platform, or was never fetched. One that is has all it names with it. */
async function readManifest(
  files: ArchiveFiles,
  listed: Pick<CandidateManifest, "descriptor" | "kind">,
): Promise<CandidateManifest> {
  const { descriptor } = listed;
  const file = findBlob(files, descriptor.digest);
  if (!file) return listed;
  checkDescribedSize(descriptor, file.sizeBytes);
  const manifest = parseManifest(await readArchiveDocument(file));
  if (isIndex(manifest)) throw invalid(`invalid manifest ${descriptor.digest}: it is an index`);
  if (listed.kind === "image" && isImage(manifest))
    return { ...listed, file, content: getContent(files, manifest) };
  return {
    ...listed,
    kind: listed.kind === "image" ? "unknown" : listed.kind,
    file,
    parts: [manifest.config, ...manifest.layers].map(({ digest }) => getBlob(files, digest)),
  };
}

/** Beside an image for this system, one for another is only listed. */
async function withoutForeign(manifests: CandidateManifest[]): Promise<CandidateManifest[]> {
  const own = new Set<CandidateManifest>();
  for (const manifest of manifests) {
    if (
      manifest.content &&
      parseImageConfig(await readArchiveDocument(manifest.content.config)).os === "linux"
    )
      own.add(manifest);
  }
  if (own.size === 0) return manifests;
  return manifests.map((manifest) => {
    const { descriptor, kind, content } = manifest;
    return content && !own.has(manifest) ? { descriptor, kind } : manifest;
  });
}

function getContent(files: ArchiveFiles, { config, layers }: Manifest): CandidateContent {
  return {
    config: getBlob(files, config.digest),
    layers: layers.map(({ digest, mediaType }) => ({ file: getBlob(files, digest), mediaType })),
  };
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

function findBlob(files: ArchiveFiles, digest: Digest): ArchiveFile | undefined {
  return files.find(`blobs/sha256/${hexOf(digest)}`);
}

function getBlob(files: ArchiveFiles, digest: Digest): ArchiveFile {
  const file = findBlob(files, digest);
  if (!file) throw invalid(`invalid archive: blob ${shortId(digest)} is missing`);
  return file;
}

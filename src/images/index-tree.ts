import { invalid } from "../errors.ts";
import { type Descriptor, type Index, isIndex, mediaTypes, parseManifest } from "../formats/oci-manifest.ts";
import { isPlatform } from "../formats/platform.ts";
import type { ManifestRecord } from "./store/kinds.ts";

/** All manifests that an index leads to, in order, and the indexes on the way. */
export interface IndexTree {
  indexes: Descriptor[];
  manifests: { descriptor: Descriptor; kind: ManifestRecord["kind"] }[];
}

/** An index is a stranger's: what it lists is kept in memory, and stored with each change of the image. */
const most = { manifests: 1000, indexes: 16, depth: 4, annotationCharacters: 1024 };

const indexTypes: readonly string[] = [mediaTypes.index, mediaTypes.dockerList];
const imageTypes: readonly string[] = ["", mediaTypes.manifest, mediaTypes.dockerManifest];

export const referenceType = "vnd.docker.reference.type";

/**
 * Reads an index down to its last manifest.
 * @param find the text of an index within it, of the right digest; undefined when it is not here
 * @throws invalid for one that is too large or nested too deep
 */
export async function readIndexTree(
  top: Index,
  find: (descriptor: Descriptor) => Promise<string | undefined>,
): Promise<IndexTree> {
  const tree: IndexTree = { indexes: [], manifests: [] };
  const seen = new Set<string>();

  async function read({ manifests }: Index, depth: number): Promise<void> {
    for (const found of manifests) {
      const descriptor = trim(found);
      // The same manifest may be for two platforms, and may be listed twice for one by mistake.
      const key = `${descriptor.digest} ${JSON.stringify(descriptor.platform)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      if (indexTypes.includes(descriptor.mediaType)) await readNested(descriptor, depth + 1);
      else tree.manifests.push({ descriptor, kind: kindOf(found) });
      if (tree.manifests.length > most.manifests)
        throw invalid(`invalid index: it has more than ${most.manifests} manifests`);
    }
  }

  async function readNested(descriptor: Descriptor, depth: number): Promise<void> {
    if (depth >= most.depth) throw invalid("invalid manifest: indexes nested too deep");
    if (tree.indexes.length >= most.indexes)
      throw invalid(`invalid index: it has more than ${most.indexes} indexes in it`);
    const text = await find(descriptor);
    // Or the image would pass for a whole one.
    if (text === undefined) return void tree.manifests.push({ descriptor, kind: "unknown" });
    checkDescribedSize(descriptor, Buffer.byteLength(text));
    const index = parseManifest(text);
    if (!isIndex(index)) throw invalid(`invalid index ${descriptor.digest}: it is a manifest`);
    tree.indexes.push(descriptor);
    await read(index, depth);
  }

  await read(top, 0);
  return tree;
}

/** @throws invalid when a document is not as long as its descriptor says */
export function checkDescribedSize({ digest, size }: Descriptor, sizeBytes: number): void {
  if (size !== sizeBytes)
    throw invalid(`invalid descriptor: ${digest} has ${sizeBytes} bytes instead of ${size}`);
}

/** Odd text for a platform is no platform, and such an image cannot be asked for. */
function kindOf({ mediaType, annotations, platform }: Descriptor): ManifestRecord["kind"] {
  const reference = annotations?.[referenceType];
  if (reference !== undefined) return reference === "attestation-manifest" ? "attestation" : "unknown";
  if (!imageTypes.includes(mediaType)) return "unknown";
  return platform === undefined || (isPlatform(platform) && platform.os !== "unknown") ? "image" : "unknown";
}

/** Without members that are never read and may be large. */
function trim({ mediaType, digest, size, annotations, platform }: Descriptor): Descriptor {
  const length = Object.entries(annotations ?? {}).reduce((sum, pair) => sum + pair.join().length, 0);
  const own = Object.entries(annotations ?? {}).filter(
    ([name, value]) => name.startsWith("vnd.docker.reference.") && value.length <= 128,
  );
  const kept = length > most.annotationCharacters ? Object.fromEntries(own.slice(0, 8)) : annotations;
  return {
    mediaType: mediaType.slice(0, 255),
    digest,
    size,
    ...(kept && { annotations: kept }),
    ...(platform && isPlatform(platform) && { platform }),
  };
}

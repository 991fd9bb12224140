import type { ImageContent, ImageRecord, ManifestRecord } from "./store/kinds.ts";

/** What is here of an image after more of it has come. Names, parent and times stay. */
export function mergeImage(known: ImageRecord, fresh: ImageRecord): ImageRecord {
  // An index within the target may have been missing before.
  const [base, other] =
    known.manifests.length >= fresh.manifests.length
      ? [known.manifests, fresh.manifests]
      : [fresh.manifests, known.manifests];
  const others = new Map(other.map((manifest) => [manifest.descriptor.digest, manifest]));
  const knownFirst = base === known.manifests;
  const indexes = new Map([...known.indexes, ...fresh.indexes].map((index) => [index.digest, index]));
  return {
    ...known,
    indexes: [...indexes.values()],
    manifests: base.map((manifest) => {
      const second = others.get(manifest.descriptor.digest);
      if (!second) return manifest;
      return knownFirst ? mergeManifest(manifest, second) : mergeManifest(second, manifest);
    }),
  };
}

function mergeManifest(known: ManifestRecord, fresh: ManifestRecord): ManifestRecord {
  const content = better(known.content, fresh.content);
  const parts = known.parts ?? fresh.parts;
  return { ...known, ...(content && { content }), ...(parts && { parts }) };
}

/** Blobs that are to the letter what the manifest names are better than others. */
function better(known: ImageContent | undefined, fresh: ImageContent | undefined): ImageContent | undefined {
  if (!known || !fresh) return known ?? fresh;
  return known.origin === "repacked" && fresh.origin !== "repacked" ? fresh : known;
}

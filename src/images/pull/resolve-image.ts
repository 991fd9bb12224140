import type { ManifestDocument } from "../../distribution/repository.ts";
import { EngineError, internal, invalid, notFound } from "../../errors.ts";
import {
  type Descriptor,
  type Index,
  isImage,
  isIndex,
  type Manifest,
  mediaTypes,
  type Platform,
  parseManifest,
  refuseSchema1,
} from "../../formats/oci-manifest.ts";
import { formatPlatform } from "../../formats/platform.ts";
import { familiarRepository, formatFamiliar, type Reference } from "../../formats/reference.ts";
import { checkDescribedSize, type IndexTree, readIndexTree } from "../index-tree.ts";
import { chooseManifest } from "../select-manifest.ts";
import type { Source } from "./sources.ts";

/** What a reference leads to at its registry. */
export interface ResolvedTarget {
  document: ManifestDocument;
  parsed: Manifest | Index;
}

/** All that it leads to, and the manifest for one platform. */
export interface ResolvedImage {
  /** The target and the indexes within it. */
  documents: ManifestDocument[];
  target: Descriptor;
  indexes: Descriptor[];
  manifests: IndexTree["manifests"];
  /** Which of them is wanted. */
  descriptor: Descriptor;
  document: ManifestDocument;
  manifest: Manifest;
}

/**
 * Finds what a reference names at one place.
 * @throws EngineError in Docker's words: notFound, unauthorized, invalid for what is no image
 */
export function resolveTarget(
  source: Source,
  reference: Reference,
  signal: AbortSignal,
): Promise<ResolvedTarget> {
  return explaining(reference, async () => {
    const repository = await source.open(signal);
    const document = await repository.getManifest(reference.digest ?? reference.tag ?? "latest", signal);
    return { document, parsed: parseDocument(document, reference) };
  });
}

/** Finds the manifest for a platform. @throws as `resolveTarget` */
export function resolveImage(
  source: Source,
  reference: Reference,
  { document: top, parsed }: ResolvedTarget,
  { platform, signal }: { platform: Platform; signal: AbortSignal },
): Promise<ResolvedImage> {
  const target = describe(top, parsed);
  if (!isIndex(parsed)) {
    const manifests = [{ descriptor: target, kind: "image" as const }];
    const listed = { target, indexes: [], manifests, descriptor: target };
    return Promise.resolve({ documents: [], ...listed, document: top, manifest: parsed });
  }
  return explaining(reference, async () => {
    const repository = await source.open(signal);
    const documents = [top];
    const { indexes, manifests } = await readIndexTree(parsed, async ({ digest }) => {
      const nested = await repository.getManifest(digest, signal);
      documents.push(nested);
      return nested.text;
    });
    const chosen = chooseManifest(manifests, platform);
    if (!chosen)
      throw notFound(`no matching manifest for ${formatPlatform(platform)} in the manifest list entries`);
    const { descriptor } = chosen;
    const document = await repository.getManifest(descriptor.digest, signal);
    checkDescribedSize(descriptor, document.sizeBytes);
    const manifest = parseDocument(document, reference);
    if (isIndex(manifest)) throw invalid(`invalid manifest ${descriptor.digest}: it is an index`);
    return { documents, target, indexes, manifests, descriptor, document, manifest };
  });
}

function describe({ digest, mediaType, sizeBytes }: ManifestDocument, parsed: Manifest | Index): Descriptor {
  const usual = isIndex(parsed) ? mediaTypes.index : mediaTypes.manifest;
  return { mediaType: parsed.mediaType ?? (mediaType || usual), digest, size: sizeBytes };
}

async function explaining<T>(reference: Reference, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explainForPull(error, reference);
  }
}

function parseDocument({ text, mediaType }: ManifestDocument, reference: Reference): Manifest | Index {
  if (/docker\.distribution\.manifest\.v1\+/.test(mediaType)) throw refuseSchema1();
  const parsed = parseManifest(text);
  if (isIndex(parsed)) return parsed;
  if (isImage(parsed)) return parsed;
  const kind = JSON.stringify(parsed.config.mediaType);
  throw invalid(`unsupported media type ${kind} for image ${formatFamiliar(reference)}`);
}

/** In Docker's words, since scripts look for them. */
export function explainForPull(error: unknown, reference: Reference): unknown {
  if (!(error instanceof EngineError)) return error;
  const { kind, message } = error;
  if (/^(name unknown|denied)/.test(message) || (kind === "forbidden" && !/unexpected HTTP/.test(message))) {
    return notFound(
      `pull access denied for ${familiarRepository(reference)}, repository does not exist or may require 'docker login': ${message}`,
      error,
    );
  }
  if (kind === "notFound" && /^manifest unknown|404/.test(message))
    return notFound(
      `manifest for ${formatFamiliar(reference)} not found: manifest unknown: ${message.replace(/^manifest unknown: /, "")}`,
      error,
    );
  // Of a status 401 Docker's clients would make a prompt for a password.
  return kind === "unauthorized" ? internal(message, error) : error;
}

import type { ManifestDocument, Repository } from "../distribution/repository.ts";
import { EngineError, internal, invalid, notFound } from "../errors.ts";
import {
  type Descriptor,
  findForPlatform,
  type Index,
  isIndex,
  type Manifest,
  mediaTypes,
  type Platform,
  parseManifest,
  refuseSchema1,
} from "../formats/oci-manifest.ts";
import { formatPlatform } from "../formats/platform.ts";
import { familiarRepository, formatFamiliar, type Reference } from "../formats/reference.ts";
import type { Source } from "./sources.ts";

/** What a reference stands for at its registry. */
export interface ResolvedImage {
  /** The manifest or index that the reference names. */
  top: ManifestDocument;
  manifest: Manifest;
  document: ManifestDocument;
}

const deepestIndex = 4;

/**
 * Finds the manifest for a platform at one place.
 * @throws EngineError in Docker's words: notFound, unauthorized, invalid for what is no image
 */
export async function resolveImage(
  source: Source,
  reference: Reference,
  platform: Platform,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  try {
    const repository = await source.open(signal);
    const top = await repository.getManifest(reference.digest ?? reference.tag ?? "latest", signal);
    return { top, ...(await descend(repository, top, reference, platform, signal)) };
  } catch (error) {
    throw explainForPull(error, reference);
  }
}

async function descend(
  repository: Repository,
  top: ManifestDocument,
  reference: Reference,
  platform: Platform,
  signal: AbortSignal,
): Promise<{ manifest: Manifest; document: ManifestDocument }> {
  let document = top;
  for (let depth = 0; depth < deepestIndex; depth++) {
    const parsed = parseDocument(document, reference);
    if (!isIndex(parsed)) return { manifest: parsed, document };
    const chosen = findForPlatform(imagesOf(parsed), platform);
    if (!chosen)
      throw notFound(`no matching manifest for ${formatPlatform(platform)} in the manifest list entries`);
    document = await repository.getManifest(chosen.digest, signal);
  }
  throw invalid("invalid manifest: indexes nested too deep");
}

/** Without what is only said about them. */
function imagesOf({ manifests }: Index): Descriptor[] {
  return manifests.filter(({ annotations }) => !annotations?.["vnd.docker.reference.type"]);
}

function parseDocument({ text, mediaType }: ManifestDocument, reference: Reference): Manifest | Index {
  if (/docker\.distribution\.manifest\.v1\+/.test(mediaType)) throw refuseSchema1();
  const parsed = parseManifest(text);
  if (isIndex(parsed)) return parsed;
  const { mediaType: kind } = parsed.config;
  if (
    kind !== "" &&
    kind !== mediaTypes.config &&
    kind !== mediaTypes.dockerConfig &&
    kind !== "application/octet-stream"
  )
    throw invalid(`${formatFamiliar(reference)} is no image: its content is ${JSON.stringify(kind)}`);
  return parsed;
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

import { notFound } from "../errors.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import { findForPlatform, formatPlatform } from "../formats/platform.ts";
import type { ImageContent, ImageRecord, ManifestRecord } from "./store/kinds.ts";

/** A manifest of an image with all that it names here: what can be run, committed and pushed. */
export type PresentManifest = ManifestRecord & { content: ImageContent };

/** Whether its target is an index. */
export function hasIndex({ id, manifests }: ImageRecord): boolean {
  return manifests[0]?.descriptor.digest !== id;
}

export function presentManifests({ manifests }: ImageRecord): PresentManifest[] {
  return manifests.filter(isPresent);
}

const isPresent = (manifest: ManifestRecord): manifest is PresentManifest => manifest.content !== undefined;

export function findPresentManifest(
  { manifests }: ImageRecord,
  digest: string | undefined,
): PresentManifest | undefined {
  return manifests.find(
    (manifest): manifest is PresentManifest => manifest.descriptor.digest === digest && isPresent(manifest),
  );
}

/** Of all that an index lists, the image for a platform, by containerd's order. It may not be here. */
export function chooseManifest<T extends Pick<ManifestRecord, "descriptor" | "kind" | "content">>(
  listed: readonly T[],
  platform: Platform,
): T | undefined {
  const images = listed.flatMap((manifest) => {
    const { descriptor, kind, content } = manifest;
    const own = descriptor.platform ?? content?.config;
    return kind === "image" ? [{ manifest, ...(own && { platform: own }) }] : [];
  });
  return findForPlatform(images, platform)?.manifest;
}

/** The one that the image stands for when no platform is asked for: this machine's, else the first that is here. */
export function mainManifest(image: ImageRecord): PresentManifest {
  const [only, ...others] = image.manifests;
  if (only && others.length === 0 && isPresent(only)) return only;
  const present = presentManifests(image);
  const [first] = present;
  // Its kind says that there is one.
  if (present.length === 1 || !first) return first as PresentManifest;
  return findForPlatform(present.map(withPlatform))?.manifest ?? first;
}

/** What an image has when no platform is asked for. */
export function contentOf(image: ImageRecord): ImageContent {
  return mainManifest(image).content;
}

/** The image with nothing else here than what is for these platforms. @throws EngineError notFound */
export function restrictTo(image: ImageRecord, platforms: readonly Platform[], name: string): ImageRecord {
  const wanted = new Set<string>(
    platforms.map((platform) => getPresentManifest(image, platform, name).descriptor.digest),
  );
  const isOf = ({ descriptor: { digest, annotations } }: ManifestRecord) =>
    wanted.has(digest) || wanted.has(annotations?.["vnd.docker.reference.digest"] ?? "");
  const manifests = image.manifests.map((manifest) => {
    const { descriptor, kind } = manifest;
    return isOf(manifest) ? manifest : { descriptor, kind };
  });
  return { ...image, manifests };
}

/** The manifest for a platform. @throws EngineError notFound in Docker's words */
export function getPresentManifest(image: ImageRecord, platform: Platform, name: string): PresentManifest {
  const found = findForPlatform(presentManifests(image).map(withPlatform), platform)?.manifest;
  if (found) return found;
  const wanted = formatPlatform(platform);
  throw notFound(
    `image with reference ${name} was found but does not provide the specified platform (${wanted})`,
  );
}

/** What the config says counts: it is what runs. */
export function platformOf({ content: { config } }: PresentManifest): Platform {
  const { os, architecture, variant } = config;
  return { os, architecture, ...(variant && { variant }) };
}

function withPlatform(manifest: PresentManifest) {
  return { manifest, platform: platformOf(manifest) };
}

import { createHash } from "node:crypto";
import { EngineError, messageOf } from "../../errors.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { formatPlatform, isSamePlatform } from "../../formats/platform.ts";
import { parseReference, type Reference, withDefaultTag } from "../../formats/reference.ts";
import type { ImageRecord } from "../../images/images.ts";
import { getPresentManifest, platformOf, presentManifests } from "../../images/select-manifest.ts";
import type { ImageContent } from "../../images/store/kinds.ts";
import { newCacheId, snapshotOf } from "../cache/step-cache.ts";
import type { BaseImage } from "../graph/base-image.ts";
import type { BuildOptions } from "../options.ts";
import { reportWork } from "../progress.ts";
import type { Solving } from "../solve/solving.ts";

export interface FoundImage {
  base: BaseImage;
  /** The image's, for one that has a name. */
  digest?: string;
  /** It is of a layout of the client's. */
  isLocal?: boolean;
  /** Undefined for what was built without one. */
  content: ImageContent | undefined;
}

/** An image that a Dockerfile names: of the store, or pulled. @throws EngineError in BuildKit's words */
export function findBaseImage(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  name: string,
  platform: Platform,
  title = options.isMultiPlatform ? `${formatPlatform(platform)} internal` : "internal",
): Promise<FoundImage> {
  const reference = withDefaultTag(parseReference(name));
  const full = formatFull(reference);
  const digest = createHash("sha256")
    .update(`${full} ${formatPlatform(platform)} ${title}`)
    .digest("hex");
  const vertex = { digest: `sha256:${digest}`, inputs: [], name: `[${title}] load metadata for ${full}` };
  return reportWork(solving.report, vertex, async () => {
    const image = await find(solving, options, name, reference, platform);
    const { content } = getPresentManifest(image, platform, name);
    keepLayers(solving, content.layers);
    return {
      content,
      digest: image.id,
      base: { config: content.config, layers: content.layers, name: full },
    };
  });
}

function hasPlatform(image: ImageRecord, platform: Platform): boolean {
  return presentManifests(image).some((manifest) => isSamePlatform(platformOf(manifest), platform));
}

/** Until the build is over, whatever images go. */
export function keepLayers(solving: Omit<Solving, "file">, layers: readonly string[]): void {
  keepSnapshot(solving, (name) => solving.rooms.images.snapshots.view(name, layers));
}

/** The same of a snapshot that `make` makes. */
export function keepSnapshot<R>({ rooms, onClose }: Omit<Solving, "file">, make: (name: string) => R): R {
  const { images, logger } = rooms;
  const name = snapshotOf(`view-${newCacheId()}`);
  rooms.live.add(name);
  onClose(() => {
    rooms.live.delete(name);
    images.snapshots.remove(name).catch((error: unknown) => {
      logger.warn({ error, snapshot: name }, "the layers of a build could not be let go");
    });
  });
  return make(name);
}

async function find(
  { rooms, findCredentials, signal }: Omit<Solving, "file">,
  { pulls }: BuildOptions,
  name: string,
  reference: Reference,
  platform: Platform,
): Promise<ImageRecord> {
  const { images } = rooms;
  const here = images.findImage(name);
  if (here && pulls !== "always" && hasPlatform(here, platform)) return here;
  try {
    const auth = (await findCredentials(reference.domain)) ?? {};
    await images.pull(reference, { auth, platform, signal, report() {} });
    return images.getImage(name);
  } catch (error) {
    const text = `${name}: failed to resolve source metadata for ${formatFull(reference)}: ${messageOf(error)}`;
    throw error instanceof EngineError ? new EngineError(error.kind, text, error) : error;
  }
}

function formatFull({ domain, path, tag, digest }: Reference): string {
  return `${domain}/${path}${tag ? `:${tag}` : ""}${digest ? `@${digest}` : ""}`;
}

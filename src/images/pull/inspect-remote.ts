import type { Registries } from "../../distribution/registries.ts";
import { parseImageConfig } from "../../formats/image-config.ts";
import { isIndex, type Platform, parseManifest } from "../../formats/oci-manifest.ts";
import type { Reference } from "../../formats/reference.ts";
import type { RegistryAuth } from "../../formats/registry-auth.ts";
import type { Logger } from "../../logger.ts";
import { explainForPull } from "./resolve-image.ts";
import { openSources, tryEach } from "./sources.ts";

/** `GET /distribution/{name}/json`. */
export interface RemoteImage {
  Descriptor: { mediaType: string; digest: string; size: number };
  Platforms: Platform[];
}

/** What a reference stands for at its registry, without pulling it. @throws EngineError in Docker's words */
export async function inspectRemote(
  registries: Registries,
  reference: Reference,
  { auth, ...context }: { auth: RegistryAuth; signal: AbortSignal; logger: Logger },
): Promise<RemoteImage> {
  const { signal } = context;
  try {
    return await tryEach(openSources(registries, reference, auth), context, async (source) => {
      const repository = await source.open(signal);
      const wanted = reference.digest ?? reference.tag ?? "latest";
      const { mediaType, digest, sizeBytes, text } = await repository.getManifest(wanted, signal);
      const parsed = parseManifest(text);
      const platforms = isIndex(parsed)
        ? parsed.manifests.flatMap(({ platform }) => platform ?? [])
        : [platformOf(parseImageConfig(await repository.getDocument(parsed.config.digest, signal)))];
      return {
        Descriptor: { mediaType: parsed.mediaType ?? mediaType, digest, size: sizeBytes },
        Platforms: platforms,
      };
    });
  } catch (error) {
    throw signal.aborted ? error : explainForPull(error, reference);
  }
}

function platformOf({ os, architecture, variant }: Platform): Platform {
  return { os, architecture, ...(variant && { variant }) };
}

import type { Registries } from "../distribution/registries.ts";
import { parseImageConfig } from "../formats/image-config.ts";
import { isIndex, type Platform, parseManifest } from "../formats/oci-manifest.ts";
import type { Reference } from "../formats/reference.ts";
import type { RegistryAuth } from "../formats/registry-auth.ts";
import { explainForPull, openSources } from "./resolve-image.ts";

/** `GET /distribution/{name}/json`. */
export interface RemoteImage {
  Descriptor: { mediaType: string; digest: string; size: number };
  Platforms: Platform[];
}

/** What a reference stands for at its registry, without pulling it. @throws EngineError in Docker's words */
export async function inspectRemote(
  registries: Registries,
  reference: Reference,
  auth: RegistryAuth,
  signal: AbortSignal,
): Promise<RemoteImage> {
  let last: unknown;
  for (const source of openSources(registries, reference, auth)) {
    try {
      const repository = await source(signal);
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
    } catch (error) {
      if (signal.aborted) throw error;
      last = error;
    }
  }
  throw explainForPull(last, reference);
}

function platformOf({ os, architecture, variant }: Platform): Platform {
  return { os, architecture, ...(variant && { variant }) };
}

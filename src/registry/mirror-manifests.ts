import { messageOf } from "../errors.ts";
import { isDigest } from "../formats/digest.ts";
import { isObject, parseJson } from "../formats/json.ts";
import type { Logger } from "../logger.ts";
import { RegistryError } from "./errors.ts";
import { inOrder, shorten, takePage } from "./lists.ts";
import type { ReferrerDescriptor } from "./manifest-document.ts";
import type { Manifests, StoredManifest } from "./manifests.ts";
import type { MirrorCache } from "./mirror-cache.ts";
import type { PreferUpstream } from "./prefer-upstream.ts";
import type { Upstream } from "./upstream.ts";

/** What a mirror's manifests and blobs need to know. */
export interface MirrorInput {
  upstream: Upstream;
  cache: MirrorCache;
  preferUpstream: PreferUpstream;
  logger: Logger;
}

/** The manifests of a mirror. The upstream is asked for tags each time, and for a digest once. */
export function createMirrorManifests(
  manifests: Manifests,
  { upstream, cache, preferUpstream, logger }: MirrorInput,
): Manifests {
  async function fetchManifest(name: string, reference: string, signal?: AbortSignal) {
    const fetched = await upstream.getManifest(name, reference, signal);
    const isStored = await tryStore(name, fetched, isDigest(reference) ? undefined : reference);
    return isStored ? manifests.get(name, fetched.digest) : fetched;
  }

  /** On a full disk a manifest is given without being kept, and so is one that only its client can read. */
  async function tryStore(name: string, { digest, content }: StoredManifest, tag: string | undefined) {
    try {
      await manifests.store(name, content, tag);
      return true;
    } catch (error) {
      logger.warn({ digest, error: messageOf(error) }, "the mirror cannot store this: it is passed on");
      return false;
    }
  }

  async function getByTag(name: string, tag: string) {
    const own = await findManifest(name, tag);
    const ask = async (signal?: AbortSignal) => {
      const digest = await upstream.resolve(name, tag, signal);
      if (own && own.digest === digest) return own;
      const known = digest && (await findManifest(name, digest));
      if (!known) return fetchManifest(name, tag, signal);
      await tryStore(name, known, tag);
      return known;
    };
    return preferUpstream("MANIFEST_UNKNOWN", ask, own);
  }

  /** What cannot be read here, as other registries may have left it in the storage, is asked for like what is not here. */
  async function findManifest(name: string, reference: string) {
    try {
      const found = await manifests.get(name, reference);
      return (await cache.use(name, found.digest)) ? found : undefined;
    } catch (error) {
      if (error instanceof RegistryError) return undefined;
      throw error;
    }
  }

  return {
    ...manifests,
    async get(name, reference) {
      if (!isDigest(reference)) return getByTag(name, reference);
      const own = await findManifest(name, reference);
      return own ?? preferUpstream("MANIFEST_UNKNOWN", () => fetchManifest(name, reference));
    },
    async referrers(name, subject, wanted) {
      const own = await manifests.referrers(name, subject, wanted);
      const ask = async (signal?: AbortSignal) => {
        const pages = await upstream.findReferrers(name, subject, signal);
        const all = pages && parseReferrers(pages);
        if (!all) return own;
        const { artifactType } = wanted;
        const fitting = artifactType ? all.filter((one) => one.artifactType === artifactType) : all;
        const nameOf = ({ digest }: ReferrerDescriptor) => digest;
        return shorten(takePage(inOrder(fitting, nameOf), wanted, nameOf));
      };
      return preferUpstream("MANIFEST_UNKNOWN", ask, own);
    },
  };
}

/** Undefined for an answer that is none. */
function parseReferrers(pages: readonly Buffer[]): ReferrerDescriptor[] | undefined {
  try {
    return pages.flatMap((page) => {
      const { manifests } = parseJson(page.toString(), "list of referrers");
      return Array.isArray(manifests) ? manifests.filter(isObject) : [];
    }) as object[] as ReferrerDescriptor[];
  } catch {
    return undefined;
  }
}

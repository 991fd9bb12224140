import { Readable } from "node:stream";
import { EngineError, messageOf } from "../errors.ts";
import { type Digest, isDigest } from "../formats/digest.ts";
import { isObject, parseJson } from "../formats/json.ts";
import type { Logger } from "../logger.ts";
import type { Rooms } from "./call.ts";
import { RegistryError } from "./errors.ts";
import { blobKey } from "./layout.ts";
import { shorten, takePage } from "./lists.ts";
import type { ReferrerDescriptor } from "./manifest-document.ts";
import type { StoredManifest } from "./manifests.ts";
import type { MirrorCache } from "./mirror-cache.ts";
import { createSharedFetches } from "./shared-fetch.ts";
import type { StoredObject } from "./storage.ts";
import type { Upstream } from "./upstream.ts";

/** With something of its own to give, a mirror does not wait longer for the upstream. */
const patienceMilliseconds = 5000;
/** An upstream that was not to be reached is not asked for so long, where there is something to give without it. */
const restMilliseconds = 10_000;

/**
 * The rooms of a mirror: what is not in the storage is fetched from the upstream, stored, and given to the client meanwhile. Tags are
 * asked for each time, and taken from the storage when the upstream is down. What has a digest never changes and is not asked for again.
 */
export function createMirror(rooms: Rooms, upstream: Upstream, cache: MirrorCache, logger: Logger): Rooms {
  const { storage, blobs, uploads, manifests } = rooms;
  const fetches = createSharedFetches({ storage, uploads, cache }, upstream.readBlob, logger);
  let downUntil = 0;

  /**
   * Asks the upstream, unless it is down and there is something else to give.
   * @param unknown the error for what the upstream does not have
   */
  async function preferring<T>(
    unknown: "BLOB_UNKNOWN" | "MANIFEST_UNKNOWN" | "NAME_UNKNOWN",
    ask: (signal?: AbortSignal) => Promise<T>,
    own?: T,
  ): Promise<T> {
    if (own !== undefined && Date.now() < downUntil) return own;
    try {
      return await ask(own === undefined ? undefined : AbortSignal.timeout(patienceMilliseconds));
    } catch (error) {
      const isDown = !(error instanceof EngineError) || error.kind === "unavailable";
      if (own === undefined || !isDown) throw toClientError(error, upstream.origin, unknown);
      logger.warn({ upstream: upstream.origin, error: messageOf(error) }, "the upstream is down");
      downUntil = Date.now() + restMilliseconds;
      return own;
    }
  }

  async function fetchManifest(name: string, reference: string, signal?: AbortSignal) {
    const fetched = await upstream.getManifest(name, reference, signal);
    const isStored = await tryStore(name, fetched, isDigest(reference) ? undefined : reference);
    return isStored ? manifests.get(name, fetched.digest) : fetched;
  }

  /** On a full disk a manifest is given without being kept. @throws RegistryError MANIFEST_INVALID */
  async function tryStore(name: string, { digest, content }: StoredManifest, tag: string | undefined) {
    try {
      await manifests.store(name, content, tag);
      return true;
    } catch (error) {
      if (error instanceof RegistryError) throw error;
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
    return preferring("MANIFEST_UNKNOWN", ask, own);
  }

  async function getBlob(name: string, digest: Digest): Promise<StoredObject> {
    const own = await blobs.find(name, digest);
    if (own) return own;
    return preferring("BLOB_UNKNOWN", async () => {
      return { sizeBytes: await upstream.getBlobSize(name, digest), modified: new Date() };
    });
  }

  async function findManifest(name: string, reference: string) {
    try {
      const found = await manifests.get(name, reference);
      return (await cache.use(name, found.digest)) ? found : undefined;
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** A blob that is kept for another repository is this one's too when the upstream says so. */
  async function isKept(name: string, digest: Digest, sizeBytes: number): Promise<boolean> {
    if ((await storage.find(blobKey(digest)))?.sizeBytes !== sizeBytes) return false;
    await blobs.claim(name, digest).catch(() => {});
    return cache.use(name, digest);
  }

  return {
    storage,
    uploads,
    upstream: upstream.origin,
    manifests: {
      ...manifests,
      async get(name, reference) {
        if (!isDigest(reference)) return getByTag(name, reference);
        const own = await findManifest(name, reference);
        return own ?? preferring("MANIFEST_UNKNOWN", () => fetchManifest(name, reference));
      },
      async referrers(name, subject, wanted) {
        const own = await manifests.referrers(name, subject, wanted);
        const ask = async (signal?: AbortSignal) => {
          const pages = await upstream.findReferrers(name, subject, signal);
          const all = pages && parseReferrers(pages);
          if (!all) return own;
          const { artifactType } = wanted;
          const fitting = artifactType ? all.filter((one) => one.artifactType === artifactType) : all;
          return shorten(takePage(fitting, wanted, ({ digest }) => digest));
        };
        return preferring("MANIFEST_UNKNOWN", ask, own);
      },
    },
    blobs: {
      ...blobs,
      get: getBlob,
      async read(name, digest, range) {
        const readOwn = async () => {
          try {
            return cache.holding(digest, await blobs.read(name, digest, range));
          } catch (error) {
            // Another server on this storage has just removed it.
            if (error instanceof RegistryError && error.code === "BLOB_UNKNOWN") return undefined;
            throw error;
          }
        };
        const own = (await cache.use(name, digest)) && (await readOwn());
        if (own) return own;
        const { sizeBytes } = await getBlob(name, digest);
        const others = (await isKept(name, digest, sizeBytes)) && (await readOwn());
        if (others) return others;
        const parts = fetches.read(name, digest, sizeBytes, range ?? { start: 0, end: sizeBytes });
        return cache.holding(digest, Readable.from(parts, { objectMode: false }));
      },
      async claim(name, digest) {
        await cache.use(name, digest);
      },
    },
    async listTags(name) {
      const own = await rooms.listTags(name).catch(() => undefined);
      return preferring("NAME_UNKNOWN", (signal) => upstream.listTags(name, signal), own);
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

/** An upstream's refusal as an answer of ours. */
function toClientError(
  error: unknown,
  origin: string,
  unknown: "BLOB_UNKNOWN" | "MANIFEST_UNKNOWN" | "NAME_UNKNOWN",
): RegistryError {
  if (error instanceof RegistryError) return error;
  const message = `${origin}: ${messageOf(error)}`;
  const kind = error instanceof EngineError ? error.kind : undefined;
  if (kind === "notFound") return new RegistryError(unknown, message, { cause: error });
  if (kind === "unauthorized" || kind === "forbidden")
    return new RegistryError("DENIED", message, { cause: error });
  return new RegistryError("UNAVAILABLE", message, { cause: error });
}

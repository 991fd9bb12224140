import type { Readable } from "node:stream";
import { messageOf } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { formatSize } from "../formats/units.ts";
import type { Logger } from "../logger.ts";
import type { Blobs } from "./blobs.ts";
import { listCached, removeCached } from "./cached.ts";
import { mirroredKey, repositoriesFolder } from "./layout.ts";
import type { Manifests } from "./manifests.ts";
import { findText, type Storage } from "./storage.ts";
import { sweepUploads } from "./sweep.ts";

export interface CacheLimits {
  /** What nobody has asked for in this time goes; 0: nothing does. */
  lifeMilliseconds: number;
  /** What was not asked for the longest goes, where there is more; undefined: there may be any amount. */
  mostBytes: number | undefined;
}

/** What a mirror keeps, and for how long. When it was last asked for is the time of its claim, so that a restart forgets little. */
export interface MirrorCache {
  /** A client asks for it. False when it is not here (any more). */
  use(name: string, digest: Digest): Promise<boolean>;
  /** Until this ends it is not removed. */
  holding(digest: Digest, content: Readable): Readable;
  /** Whether something of this size is to be kept at all. */
  mayKeep(sizeBytes: number): boolean;
  /** Makes room for what `store` stores. */
  adding<T>(sizeBytes: number, store: () => Promise<T>): Promise<T>;
  /**
   * Begins to remove what is not used, where everything has come from this upstream. A storage that things were pushed to is added to,
   * and nothing is removed from it.
   */
  open(origin: string): Promise<void>;
  close(): Promise<void>;
}

/** Uploads that servers left behind which were killed. */
const uploadLifeMilliseconds = 24 * 3600_000;
const [shortestPause, longestPause] = [250, 3600_000];
const mostRemembered = 100_000;

export function createMirrorCache(
  { storage, blobs, manifests }: { storage: Storage; blobs: Blobs; manifests: Manifests },
  { lifeMilliseconds, mostBytes = Number.POSITIVE_INFINITY }: CacheLimits,
  logger: Logger,
): MirrorCache {
  /** Later than the storage knows, which is told every few minutes. */
  const uses = new Map<Digest, number>();
  const held = new Map<Digest, number>();
  /** As of the last look; what has come since is counted. */
  let storedBytes = 0;
  let comingBytes = 0;
  let looking: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  let isClosed = false;

  async function look(): Promise<void> {
    const cached = await listCached(storage, uses, () => isClosed);
    if (isClosed) return;
    storedBytes = cached.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const oldest = lifeMilliseconds > 0 ? Date.now() - lifeMilliseconds : 0;
    let left = storedBytes + comingBytes;
    const leaving = cached.filter(({ digest, used, sizeBytes }) => {
      if (held.has(digest) || (used >= oldest && left <= mostBytes)) return false;
      left -= sizeBytes;
      return true;
    });
    // Who asks for one of these from now on keeps it.
    const isWanted = (digest: Digest) => isClosed || held.has(digest);
    for await (const { digest, sizeBytes } of removeCached(storage, manifests, leaving, isWanted)) {
      uses.delete(digest);
      storedBytes -= sizeBytes;
      logger.debug({ digest, size: formatSize(sizeBytes) }, "removed from the mirror");
    }
    const cutoff = new Date(Date.now() - uploadLifeMilliseconds);
    for await (const { key } of sweepUploads(storage, { cutoff, isDryRun: false }))
      logger.debug({ upload: key }, "removed from the mirror");
  }

  /** One at a time; what was asked for meanwhile is looked for again. */
  function lookAgain(): void {
    isLate = looking !== undefined;
    if (!timer || isClosed || isLate) return;
    looking = look()
      .catch((error: unknown) => logger.warn({ error: messageOf(error) }, "cleaning the mirror failed"))
      .finally(() => {
        looking = undefined;
        if (isLate) lookAgain();
      });
  }

  function release(digest: Digest): void {
    const others = (held.get(digest) ?? 1) - 1;
    if (others > 0) held.set(digest, others);
    else held.delete(digest);
    if (storedBytes + comingBytes > mostBytes) lookAgain();
  }

  return {
    async use(name, digest) {
      if (!(await blobs.find(name, digest))) return false;
      uses.delete(digest);
      uses.set(digest, Date.now());
      const [first] = uses.keys();
      if (first && uses.size > mostRemembered) uses.delete(first);
      try {
        await blobs.claim(name, digest);
      } catch (error) {
        // On a full disk it is given all the same.
        logger.warn({ digest, error: messageOf(error) }, "the mirror cannot note what is used");
      }
      return (await blobs.find(name, digest)) !== undefined;
    },
    holding(digest, content) {
      held.set(digest, (held.get(digest) ?? 0) + 1);
      return content.once("close", () => release(digest));
    },
    mayKeep: (sizeBytes) => sizeBytes <= mostBytes,
    async adding(sizeBytes, store) {
      comingBytes += sizeBytes;
      if (storedBytes + comingBytes > mostBytes) lookAgain();
      try {
        const stored = await store();
        storedBytes += sizeBytes;
        return stored;
      } finally {
        comingBytes -= sizeBytes;
      }
    },
    async open(origin) {
      if (!(await isMirrorOf(storage, origin))) {
        logger.warn("this storage has things that did not come from there: nothing is removed from it");
        return;
      }
      if (lifeMilliseconds === 0 && mostBytes === Number.POSITIVE_INFINITY) return;
      const pause = lifeMilliseconds > 0 ? lifeMilliseconds / 4 : longestPause;
      timer = setInterval(lookAgain, Math.min(Math.max(pause, shortestPause), longestPause)).unref();
      lookAgain();
    },
    async close() {
      isClosed = true;
      clearInterval(timer);
      await looking;
    },
  };
}

/** True as well for an empty storage, which from now on is one. */
async function isMirrorOf(storage: Storage, origin: string): Promise<boolean> {
  const known = await findText(storage, mirroredKey);
  if (known !== undefined) return known === origin;
  if ((await storage.list(repositoriesFolder)).length > 0) return false;
  await storage.write(mirroredKey, origin);
  return true;
}

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
  /** Content that was not asked for in this time is removed; 0: none is. */
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
  /** Whether content of this size may be kept at all. */
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
  /** Later than the storage knows, which is updated every few minutes. */
  const uses = new Map<Digest, number>();
  const held = createCounts();
  /** As of the last look; what has come since is counted. */
  let storedBytes = 0;
  let comingBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const looks = createRepeated(look, (error) =>
    logger.warn({ error: messageOf(error) }, "cleaning the mirror failed"),
  );

  async function look(): Promise<void> {
    const cached = await listCached(storage, uses, () => isClosed);
    if (isClosed) return;
    storedBytes = cached.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const oldest = lifeMilliseconds > 0 ? Date.now() - lifeMilliseconds : 0;
    const tooManyBytes = storedBytes + comingBytes - mostBytes;
    const leaving = chooseLeaving(cached, { oldest, tooManyBytes, isHeld: (digest) => held.has(digest) });
    // A request for one of these from now on keeps it.
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

  function lookAgain(): void {
    if (timer && !isClosed) looks.ask();
  }

  function release(digest: Digest): void {
    held.drop(digest);
    if (storedBytes + comingBytes > mostBytes) lookAgain();
  }

  return {
    use: (name, digest) => noteUse({ blobs, uses, logger }, name, digest),
    holding(digest, content) {
      held.add(digest);
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
      await looks.settle();
    },
  };
}

/** What goes: the longest unused first, for its age or for the room. @param cached in that order */
function chooseLeaving<C extends { digest: Digest; used: number; sizeBytes: number }>(
  cached: readonly C[],
  limits: { oldest: number; tooManyBytes: number; isHeld(digest: Digest): boolean },
): C[] {
  let { tooManyBytes } = limits;
  return cached.filter(({ digest, used, sizeBytes }) => {
    if (limits.isHeld(digest) || (used >= limits.oldest && tooManyBytes <= 0)) return false;
    tooManyBytes -= sizeBytes;
    return true;
  });
}

/** Takes note that a client asks for it. @returns whether it is still here */
async function noteUse(
  { blobs, uses, logger }: { blobs: Blobs; uses: Map<Digest, number>; logger: Logger },
  name: string,
  digest: Digest,
): Promise<boolean> {
  if (!(await blobs.find(name, digest))) return false;
  // The last of all now.
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
}

/** How many hold each digest. */
function createCounts() {
  const counts = new Map<Digest, number>();
  return {
    has: (digest: Digest) => counts.has(digest),
    add: (digest: Digest) => void counts.set(digest, (counts.get(digest) ?? 0) + 1),
    drop(digest: Digest): void {
      const others = (counts.get(digest) ?? 1) - 1;
      if (others > 0) counts.set(digest, others);
      else counts.delete(digest);
    },
  };
}

/** Work that is done one at a time; asked for while it is under way, it is done once more. */
function createRepeated(work: () => Promise<void>, onError: (error: unknown) => void) {
  let running: Promise<void> | undefined;
  let isAskedAgain = false;
  function ask(): void {
    isAskedAgain = running !== undefined;
    if (isAskedAgain) return;
    running = work()
      .catch(onError)
      .finally(() => {
        running = undefined;
        if (isAskedAgain) ask();
      });
  }
  return { ask, settle: async () => running };
}

/** True as well for an empty storage, which from now on is one. */
async function isMirrorOf(storage: Storage, origin: string): Promise<boolean> {
  const known = await findText(storage, mirroredKey);
  if (known !== undefined) return known === origin;
  if ((await storage.list(repositoriesFolder)).length > 0) return false;
  await storage.write(mirroredKey, origin);
  return true;
}

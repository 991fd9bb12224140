import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { conflict, notFound } from "../../errors.ts";
import type { Records, State } from "../../state/state.ts";
import { createSharedWork } from "../../sys/shared-work.ts";
import { measureTree, removeTree } from "../../trees/trees.ts";
import type { RunMountNode } from "../graph/nodes.ts";
import { type CacheMountRecord, cacheMountKind } from "./record.ts";
import { newCacheId } from "./step-cache.ts";

type CacheMount = Extract<RunMountNode, { type: "cache" }>;

/** A directory of `RUN --mount=type=cache` while a step has it. */
export interface OpenCacheMount {
  path: string;
  close(): void;
}

export interface OpenSettings {
  /** Of the step. */
  description: string;
  signal: AbortSignal;
  /** Directories of what is in it at first, topmost first. */
  layersOf(mount: RunMountNode): Promise<string[]>;
}

/** What `RUN --mount=type=cache` keeps from one build to the next. */
export interface CacheMounts {
  /** Waits for one that is lent, or is locked or to be locked. @throws the signal's reason */
  open(mount: CacheMount, settings: OpenSettings): Promise<OpenCacheMount>;
  /** One that no step has, for as long as it is read. @throws notFound; conflict while a step has it */
  borrow(id: string): OpenCacheMount;
  /** A new one that `fill` fills. @param replaces others of that name go @throws conflict; what `fill` throws */
  add(name: string, replaces: boolean, fill: (path: string) => Promise<void>): Promise<CacheMountRecord>;
  list(): (CacheMountRecord & { inUse: boolean })[];
  /** Directories that are in their place, or on their way. */
  folderNames(): ReadonlySet<string>;
  measure(id: string): Promise<number>;
  /** @returns false when it is in use */
  remove(id: string): Promise<boolean>;
}

interface Kept {
  record: CacheMountRecord;
  users: number;
  waiting: number;
  /** What has it alone: "lent" to what reads all of it, so that it is to stay as it is, or a step's that shares it with none. */
  alone: "lent" | "private" | undefined;
  /** Called when one that has it lets go. */
  wakers: Set<() => void>;
}

const keep = (record: CacheMountRecord): Kept => ({
  ...{ record, users: 0, waiting: 0, alone: undefined, wakers: new Set() },
});

type Fill = (layers: string[], source: string, target: string, signal: AbortSignal) => Promise<void>;

interface MountStore {
  root: string;
  records: Records<CacheMountRecord>;
  kept: Map<string, Kept>;
  /** Directories that are being made or removed. */
  moving: Set<string>;
  fill: Fill;
}

/**
 * What tells mounts of one name apart, as BuildKit does: an owner, a mode, or what is in it at first makes another mount, so that a change of
 * one of them has an effect. @param layers directories of what is in it at first
 */
function variantOf({ uid, gid, mode, source }: CacheMount, layers: readonly string[] | undefined): string {
  const owner = uid === 0 && gid === 0 && mode === plainMode ? [] : [uid, gid, mode];
  return owner.length === 0 && !layers ? "" : JSON.stringify([owner, layers && [source, ...layers]]);
}

const plainMode = 0o755;

/** A cache mount that a step asks for. */
interface Wanted {
  mount: CacheMount;
  variant: string;
  /** Directories of what is in it at first, topmost first. */
  layers: string[] | undefined;
  settings: OpenSettings;
}

/** @param use called with it before anything else can find it */
async function makeMount<T>(
  { root, records, kept, moving, fill }: MountStore,
  { mount, variant, layers, settings }: Wanted,
  signal: AbortSignal,
  use: (one: Kept) => T,
): Promise<T> {
  const id = newCacheId();
  const now = Date.now();
  const path = join(root, id);
  const names = [id, `${id}.from`];
  for (const name of names) moving.add(name);
  const record: CacheMountRecord = {
    ...{ id, name: mount.id, variant, createdAt: now, lastUsedAt: now, usageCount: 0 },
    description: `cached mount ${mount.target} from ${settings.description}`,
  };
  const one = keep(record);
  try {
    mkdirSync(path, { mode: plainMode });
    if (layers) await fill(layers, mount.source, path, signal);
    chmodSync(path, mount.mode);
    chownSync(path, mount.uid, mount.gid);
    records.put(id, record);
  } catch (error) {
    await removeTree(path);
    throw error;
  } finally {
    rmSync(`${path}.from`, { recursive: true, force: true });
    for (const name of names) moving.delete(name);
  }
  kept.set(id, one);
  return use(one);
}

/** @param alone others keep away until it is closed */
function takeMount({ root, records }: MountStore, one: Kept, alone?: Kept["alone"]): OpenCacheMount {
  one.users++;
  one.alone = alone;
  one.record.usageCount++;
  one.record.lastUsedAt = Date.now();
  records.putSoon(one.record.id, one.record);
  let isClosed = false;
  return {
    path: join(root, one.record.id),
    close() {
      if (isClosed) return;
      isClosed = true;
      one.users--;
      if (alone) one.alone = undefined;
      for (const wake of one.wakers) wake();
    },
  };
}

const isNotLent = ({ alone }: Kept) => alone !== "lent";
const isIdle = ({ users, waiting }: Kept) => users + waiting === 0;
const hasNoUsers = ({ users }: Kept) => users === 0;

/** @throws the signal's reason */
async function takeWhen(
  store: MountStore,
  one: Kept,
  isFree: (one: Kept) => boolean,
  signal: AbortSignal,
): Promise<OpenCacheMount> {
  one.waiting++;
  try {
    while (!isFree(one)) {
      signal.throwIfAborted();
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = () => resolve();
      one.wakers.add(wake);
      signal.addEventListener("abort", wake);
      await promise;
      one.wakers.delete(wake);
      signal.removeEventListener("abort", wake);
    }
    return takeMount(store, one);
  } finally {
    one.waiting--;
  }
}

async function removeMount({ root, records, kept, moving }: MountStore, id: string): Promise<boolean> {
  const one = kept.get(id);
  if (!one || !isIdle(one)) return false;
  kept.delete(id);
  // On a full disk as well, which this is to make room on.
  records.deleteSoon(id);
  moving.add(id);
  await removeTree(join(root, id)).finally(() => moving.delete(id));
  return true;
}

const inUse = (name: string) => conflict(`cache mount ${name.replace(/^\//, "")} is in use by a build`);

/** @param findReplaced the ids of those that go once the new one is there; throws where that cannot be */
async function addMount(
  store: MountStore,
  name: string,
  fill: (path: string) => Promise<void>,
  findReplaced: () => string[],
): Promise<CacheMountRecord> {
  const { root, records, kept, moving } = store;
  const id = newCacheId();
  const now = Date.now();
  const path = join(root, id);
  const record: CacheMountRecord = {
    ...{ id, name, createdAt: now, lastUsedAt: now, usageCount: 0 },
    description: `cached mount ${name} from an archive`,
  };
  moving.add(id);
  try {
    mkdirSync(path, { mode: plainMode });
    await fill(path);
    const replaced = findReplaced();
    records.put(id, record);
    kept.set(id, keep(record));
    await Promise.all(replaced.map((other) => removeMount(store, other)));
    return record;
  } catch (error) {
    if (!kept.has(id)) await removeTree(path);
    throw error;
  } finally {
    moving.delete(id);
  }
}

/**
 * @param root is made
 * @param fill copies the content of layers, topmost first, into an empty directory
 */
export function openCacheMounts(root: string, state: State, fill: Fill): CacheMounts {
  mkdirSync(root, { recursive: true, mode: 0o711 });
  const records = state.records(cacheMountKind);
  const kept = new Map<string, Kept>();
  for (const record of records.load().values())
    if (existsSync(join(root, record.id))) kept.set(record.id, keep(record));
    else records.deleteSoon(record.id);
  for (const name of readdirSync(root))
    if (!kept.has(name)) void removeTree(join(root, name)).catch(() => {});
  const moving = new Set<string>();
  const store: MountStore = { root, records, kept, moving, fill };
  const named = (name: string) => [...kept.values()].filter(({ record }) => record.name === name);
  const fitting = ({ mount, variant }: Wanted) =>
    named(mount.id).filter(({ record }) => (record.variant ?? variant) === variant);

  /** Two that want a new one of the same name get the same, and the second keeps it when the first goes away. */
  const making = createSharedWork<undefined, Kept>();
  const beingMade = new Set<Wanted>();
  async function findOrMake(wanted: Wanted): Promise<Kept> {
    const { mount, variant, settings } = wanted;
    const begin = (signal: AbortSignal) => {
      beingMade.add(wanted);
      const done = makeMount(store, wanted, signal, (one) => one).finally(() => beingMade.delete(wanted));
      return { state: undefined, done };
    };
    const key = JSON.stringify([mount.id, variant]);
    return fitting(wanted).find(isForAll) ?? making.join(key, settings.signal, begin, () => {});
  }
  const isForAll = (one: Kept) => kept.has(one.record.id) && one.alone !== "private";
  const isBeingMade = (name: string) => [...beingMade].some(({ mount }) => mount.id === name);

  return {
    borrow(id) {
      const one = kept.get(id);
      if (!one) throw notFound(`no such cache mount: ${id}`);
      if (!isIdle(one)) throw inUse(one.record.name);
      return takeMount(store, one, "lent");
    },
    async add(name, replaces, fillOne) {
      const check = () => {
        const others = named(name);
        if (others.length > 0 && !replaces)
          throw conflict(`cache mount ${name.replace(/^\//, "")} already exists`);
        if (!others.every(isIdle) || isBeingMade(name)) throw inUse(name);
        return others.map(({ record }) => record.id);
      };
      check();
      return addMount(store, name, fillOne, check);
    },
    async open(mount, settings) {
      const layers = mount.from && (await settings.layersOf(mount));
      const wanted = { mount, variant: variantOf(mount, layers), layers, settings };
      if (mount.sharing === "private") {
        const take = (one: Kept) => takeMount(store, one, "private");
        const idle = fitting(wanted).find(isIdle);
        return idle ? take(idle) : makeMount(store, wanted, settings.signal, take);
      }
      const isFree = mount.sharing === "shared" ? isNotLent : hasNoUsers;
      let found = await findOrMake(wanted);
      // Until then another step may have it alone, or a prune may have removed it.
      while (!isForAll(found)) found = await findOrMake(wanted);
      return takeWhen(store, found, isFree, settings.signal);
    },
    list: () => [...kept.values()].map(({ record, users }) => ({ ...record, inUse: users > 0 })),
    folderNames: () => new Set([...kept.keys(), ...moving]),
    measure: async (id) => (await measureTree(join(root, id))).diskBytes,
    remove: (id) => removeMount(store, id),
  };
}

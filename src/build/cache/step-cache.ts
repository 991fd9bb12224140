import { randomBytes } from "node:crypto";
import type { Snapshots } from "../../images/store/snapshots.ts";
import type { State } from "../../state/state.ts";
import { type CacheRecord, cacheKind } from "./record.ts";

/** The layers that steps have made, by what the steps depended on. */
export interface StepCache {
  /**
   * @param base chainID of what it stands on, "" for nothing; a linked step is the same on anything
   * @returns what a step with this key made, on that if it can be; it counts as used from now on
   */
  find(key: string, base: string): CacheRecord | undefined;
  /**
   * Takes a committed snapshot of this name into the cache. An earlier one with the same key stays, until it is pruned.
   * @throws EngineError internal when the disk is full; then it is not in the cache
   */
  add(made: NewRecord): CacheRecord;
  /** Has a record be found by another key as well. */
  addKey(record: CacheRecord, key: string): void;
  list(): CacheRecord[];
  isInUse(id: string): boolean;
  /** Keeps a record until the function that it gives is called. */
  use(record: CacheRecord): () => void;
  /** @returns false when it is in use, or not there */
  remove(id: string): Promise<boolean>;
}

/** `createdAt` where the step was done elsewhere. */
export type NewRecord = Pick<CacheRecord, "id" | "key" | "layers" | "description" | "sizeBytes"> &
  Partial<Pick<CacheRecord, "createdAt">>;

/** 25 characters, as BuildKit's. */
export function newCacheId(): string {
  const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  return Array.from(randomBytes(25), (byte) => alphabet[byte % alphabet.length]).join("");
}

/** The chainID of what a step stood on; "" for nothing. */
export const chainBelow = ({ layers }: Pick<CacheRecord, "layers">): string => layers.at(-2) ?? "";

/** Addresses and the like that came to the same. */
const mostMoreKeys = 16;

const keysOf = ({ key, moreKeys = [] }: CacheRecord) => [key, ...moreKeys];

export const snapshotOf = (id: string) => `build-${id}`;

export function openStepCache(state: State, snapshots: Snapshots): StepCache {
  const records = state.records(cacheKind);
  const known = new Set(snapshots.names());
  const byId = new Map<string, CacheRecord>();
  /** The newest last. */
  const byKey = new Map<string, CacheRecord[]>();
  const users = new Map<string, number>();
  for (const record of records.load().values()) {
    // Its layers went while no daemon ran, as after a repair.
    if (!known.has(snapshotOf(record.id))) {
      records.deleteSoon(record.id);
      continue;
    }
    index(record);
  }

  function index(record: CacheRecord): void {
    byId.set(record.id, record);
    for (const key of keysOf(record)) byKey.set(key, [...(byKey.get(key) ?? []), record]);
  }

  function dropKey(record: CacheRecord, key: string): void {
    const others = (byKey.get(key) ?? []).filter((one) => one !== record);
    if (others.length > 0) byKey.set(key, others);
    else byKey.delete(key);
  }

  return {
    find(key, base) {
      const same = byKey.get(key) ?? [];
      const record = same.findLast((one) => chainBelow(one) === base) ?? same.at(-1);
      if (!record) return undefined;
      record.lastUsedAt = Date.now();
      record.usageCount++;
      // A build is not to fail for what is only noted.
      records.putSoon(record.id, record);
      return record;
    },
    add(made) {
      const now = Date.now();
      const record: CacheRecord = { createdAt: now, ...made, lastUsedAt: now, usageCount: 1 };
      // What cannot be stored must not be found either: the caller removes its layers.
      records.put(record.id, record);
      index(record);
      return record;
    },
    addKey(record, key) {
      if (byId.get(record.id) !== record || keysOf(record).includes(key)) return;
      const keys = [...(record.moreKeys ?? []), key];
      for (const old of keys.splice(0, keys.length - mostMoreKeys)) dropKey(record, old);
      record.moreKeys = keys;
      byKey.set(key, [...(byKey.get(key) ?? []), record]);
      records.putSoon(record.id, record);
    },
    list: () => [...byId.values()],
    isInUse: (id) => users.has(id),
    use({ id }) {
      users.set(id, (users.get(id) ?? 0) + 1);
      return () => {
        const left = (users.get(id) ?? 1) - 1;
        if (left > 0) users.set(id, left);
        else users.delete(id);
      };
    },
    async remove(id) {
      const record = byId.get(id);
      if (!record || users.has(id)) return false;
      byId.delete(record.id);
      for (const key of keysOf(record)) dropKey(record, key);
      // On a full disk as well, which this is to make room on.
      records.deleteSoon(record.id);
      await snapshots.remove(snapshotOf(record.id));
      return true;
    },
  };
}

import { randomBytes } from "node:crypto";
import type { Snapshots } from "../../images/store/snapshots.ts";
import type { State } from "../../state/state.ts";
import { type CacheRecord, cacheKind } from "./record.ts";

/** The layers that steps have made, by what the steps depended on. */
export interface StepCache {
  /** @returns what a step with this key made; it counts as used from now on */
  find(key: string): CacheRecord | undefined;
  /** Takes a committed snapshot of this name into the cache. An earlier one with the same key stays, until it is pruned. */
  add(made: NewRecord): CacheRecord;
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

export const snapshotOf = (id: string) => `build-${id}`;

export function openStepCache(state: State, snapshots: Snapshots): StepCache {
  const records = state.records(cacheKind);
  const known = new Set(snapshots.names());
  const byId = new Map<string, CacheRecord>();
  const byKey = new Map<string, CacheRecord>();
  const users = new Map<string, number>();
  for (const record of records.load().values()) {
    // Its layers went while no daemon ran, as after a repair.
    if (!known.has(snapshotOf(record.id))) {
      records.delete(record.id);
      continue;
    }
    byId.set(record.id, record);
    byKey.set(record.key, record);
  }

  return {
    find(key) {
      const record = byKey.get(key);
      if (!record) return undefined;
      record.lastUsedAt = Date.now();
      record.usageCount++;
      records.put(record.id, record);
      return record;
    },
    add(made) {
      const now = Date.now();
      const record: CacheRecord = { createdAt: now, ...made, lastUsedAt: now, usageCount: 1 };
      byId.set(record.id, record);
      byKey.set(record.key, record);
      records.put(record.id, record);
      return record;
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
      if (byKey.get(record.key) === record) byKey.delete(record.key);
      records.delete(record.id);
      await snapshots.remove(snapshotOf(record.id));
      return true;
    },
  };
}

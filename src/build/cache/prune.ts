import { statfs } from "node:fs/promises";
import { messageOf } from "../../errors.ts";
import type { SolveRooms } from "../solve/solving.ts";
import type { PruneRequest } from "./prune-request.ts";
import { compileFilters, listUsage, type UsageRecord } from "./usage.ts";

/** Removes what is not in use, oldest first. @returns what is gone @throws EngineError invalid for a bad filter */
export async function pruneCache(rooms: SolveRooms, request: PruneRequest): Promise<UsageRecord[]> {
  compileFilters(request.filters);
  return pruneRecords(rooms, await listUsage(rooms, []), request);
}

/** @param all that there is */
export async function pruneRecords(
  rooms: SolveRooms,
  all: readonly UsageRecord[],
  request: PruneRequest,
): Promise<UsageRecord[]> {
  const fits = compileFilters(request.filters);
  const now = Date.now();
  const candidates = all
    .filter((record) => fits(record) && !record.inUse && (request.all || !record.isShared))
    .filter(({ lastUsedAt }) => now - lastUsedAt >= request.keepMilliseconds)
    .sort((a, b) => a.lastUsedAt - b.lastUsedAt);
  let used = all.reduce((sum, record) => sum + ownBytes(record), 0);
  const gone: UsageRecord[] = [];
  const left = new Set(all.map(({ id }) => id));
  /** How many stand on each. */
  const children = new Map<string, number>();
  const count = ({ parents }: UsageRecord, by: number) => {
    for (const id of parents) children.set(id, (children.get(id) ?? 0) + by);
  };
  for (const record of all) count(record, 1);
  // What others stand on frees nothing before they go.
  for (let isDone = false; !isDone; ) {
    isDone = true;
    for (const record of candidates) {
      if (!left.has(record.id) || (children.get(record.id) ?? 0) > 0) continue;
      if (!(await isTooMuch(rooms, request, used))) return gone;
      if (!(await isRemoved(rooms, record))) continue;
      left.delete(record.id);
      count(record, -1);
      used -= ownBytes(record);
      gone.push(record);
      isDone = false;
    }
  }
  return gone;
}

/** Of what an image has too nothing counts, as with BuildKit: it stays on the disk whatever becomes of the record. */
const ownBytes = ({ isShared, sizeBytes }: UsageRecord) => (isShared ? 0 : sizeBytes);

/** Without any bound all goes that may. */
async function isTooMuch(rooms: SolveRooms, request: PruneRequest, usedBytes: number): Promise<boolean> {
  const { reservedBytes, maxUsedBytes, minFreeBytes } = request;
  if (usedBytes <= reservedBytes && reservedBytes > 0) return false;
  if (maxUsedBytes === 0 && minFreeBytes === 0) return true;
  if (maxUsedBytes > 0 && usedBytes > maxUsedBytes) return true;
  if (minFreeBytes === 0) return false;
  const { bavail, bsize } = await statfs(rooms.root);
  return bavail * bsize < minFreeBytes;
}

/** One that cannot be removed does not keep the others. */
async function isRemoved(rooms: SolveRooms, record: UsageRecord): Promise<boolean> {
  try {
    return await removeRecord(rooms, record);
  } catch (error) {
    const { id, type } = record;
    rooms.logger.warn(
      { error: messageOf(error), id, type },
      "a part of the build cache could not be removed",
    );
    return false;
  }
}

/** @returns false when it is in use by now */
async function removeRecord(rooms: SolveRooms, { id, type }: UsageRecord): Promise<boolean> {
  if (type === "exec.cachemount") return rooms.cacheMounts.remove(id);
  if (type === "source.local") return rooms.contexts.remove(id);
  return rooms.cache.remove(id);
}

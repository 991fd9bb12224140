import { invalid } from "../../errors.ts";
import { compileNamePattern } from "../../formats/name-pattern.ts";
import type { SolveRooms } from "../solve/solving.ts";

/** Something that the builder keeps, as `docker buildx du` lists it. */
export interface UsageRecord {
  id: string;
  type: "regular" | "source.local" | "exec.cachemount";
  isMutable: boolean;
  inUse: boolean;
  /** An image has it too. */
  isShared: boolean;
  sizeBytes: number;
  /** Milliseconds since the epoch. */
  createdAt: number;
  lastUsedAt: number;
  usageCount: number;
  description: string;
  parents: string[];
}

/** @throws EngineError invalid for a bad filter */
export async function listUsage(rooms: SolveRooms, filters: readonly string[]): Promise<UsageRecord[]> {
  const fits = compileFilters(filters);
  const mounts = await Promise.all(
    rooms.cacheMounts.list().map(async (mount): Promise<UsageRecord> => {
      const { id, inUse, createdAt, lastUsedAt, usageCount, description } = mount;
      const sizeBytes = await rooms.cacheMounts.measure(id);
      return {
        ...{ id, type: "exec.cachemount", isMutable: true, inUse, isShared: false, sizeBytes },
        ...{ createdAt, lastUsedAt, usageCount, description, parents: [] },
      };
    }),
  );
  const contexts = (await rooms.contexts.list()).map(
    ({ id, inUse, sizeBytes, lastUsedAt }): UsageRecord => ({
      ...{ id, type: "source.local", isMutable: true, inUse, isShared: false, sizeBytes },
      ...{ createdAt: lastUsedAt, lastUsedAt, usageCount: 1, parents: [] },
      description: "local source for context",
    }),
  );
  return [...stepRecords(rooms), ...mounts, ...contexts].filter(fits);
}

function stepRecords(rooms: SolveRooms): UsageRecord[] {
  const records = rooms.cache.list();
  const byTop = new Map(records.map((record) => [record.layers.at(-1), record.id]));
  const inImages = new Set(rooms.images.list().flatMap((image) => rooms.images.layersOf(image)));
  return records.map(({ id, layers, sizeBytes, createdAt, lastUsedAt, usageCount, description }) => {
    const parent = byTop.get(layers.at(-2));
    return {
      ...{ id, type: "regular" as const, isMutable: false, inUse: rooms.cache.isInUse(id), sizeBytes },
      isShared: inImages.has(layers.at(-1) ?? ""),
      ...{ createdAt, lastUsedAt, usageCount, description, parents: parent ? [parent] : [] },
    };
  });
}

type Fits = (record: UsageRecord) => boolean;

/** Any of the filters fits in all its parts: "field", "field==value", "field!=value", "field~=pattern". */
export function compileFilters(filters: readonly string[]): Fits {
  const given = filters.filter((filter) => filter.trim() !== "");
  if (given.length === 0) return () => true;
  const all = given.map((filter) => filter.split(",").map((part) => compilePart(part.trim(), filter)));
  return (record) => all.some((parts) => parts.every((fits) => fits(record)));
}

function compilePart(part: string, filter: string): Fits {
  const [, field = "", operator = "", value = ""] = /^([a-z]+)(?:(==|!=|~=)(.*))?$/.exec(part) ?? [];
  const read = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (!read) throw invalid(`invalid filter ${JSON.stringify(filter)}`);
  if (operator === "") return (record) => read(record).some((text) => text !== "" && text !== "false");
  if (operator === "~=") {
    const fits = compileNamePattern(value);
    return (record) => read(record).some(fits);
  }
  const equals: Fits = (record) => read(record).some((text) => text === value);
  return operator === "==" ? equals : (record) => !equals(record);
}

const fields: Record<string, (record: UsageRecord) => string[]> = {
  id: ({ id }) => [id],
  parent: ({ parents }) => parents,
  parents: ({ parents }) => parents,
  description: ({ description }) => [description],
  inuse: ({ inUse }) => [String(inUse)],
  mutable: ({ isMutable }) => [String(isMutable)],
  immutable: ({ isMutable }) => [String(!isMutable)],
  type: ({ type }) => [type],
  shared: ({ isShared }) => [String(isShared)],
  private: ({ isShared }) => [String(!isShared)],
};

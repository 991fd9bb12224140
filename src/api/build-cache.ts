import { dockerFilterNames, filtersOfDocker, unusedOfDocker } from "../build/cache/docker-filters.ts";
import type { UsageRecord } from "../build/cache/usage.ts";
import { EngineError, invalid } from "../errors.ts";
import type { BuildCacheRecord } from "../formats/docker-api/docker-api-system.ts";
import type { Filters } from "../formats/filters.ts";
import { formatTimestamp } from "../formats/timestamp.ts";
import { parseUntil } from "../formats/until.ts";
import { type ApiRequest, ok, type Reply } from "./request.ts";

/** `POST /build/prune`: what the builder keeps and does not use. @throws EngineError invalid */
export async function prune(request: ApiRequest): Promise<Reply> {
  const { builder, events } = request.engine;
  const filters = request.filters();
  const { wanted, unused } = readFilters(filters);
  const since = parseUntil(unused);
  const bytes = (name: string) => request.number(name) ?? 0;
  const pruned = await builder.prune({
    filters: wanted,
    all: request.flag("all"),
    keepMilliseconds: since === undefined ? 0 : Math.max(0, Date.now() - since),
    reservedBytes: bytes("reserved-space") || bytes("keep-storage"),
    maxUsedBytes: bytes("max-used-space"),
    minFreeBytes: bytes("min-free-space"),
  });
  const reclaimed = pruned.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  events.publish("builder", "prune", "", { reclaimed: String(reclaimed) });
  return ok({
    CachesDeleted: pruned.length > 0 ? pruned.map(({ id }) => id) : null,
    SpaceReclaimed: reclaimed,
  });
}

/** @throws EngineError invalid in Docker's words */
function readFilters(filters: Filters) {
  try {
    for (const name of filters.keys())
      if (!dockerFilterNames.includes(name)) throw invalid(`invalid filter '${name}'`);
    return { wanted: filtersOfDocker(filters), unused: unusedOfDocker(filters) };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw invalid(`failed to prune build cache: ${error.message}`, error);
  }
}

/** As `GET /system/df` has it. The blank in a member's name is Docker's. */
export function describeCache(record: UsageRecord): BuildCacheRecord & { " Parents"?: string[] } {
  const { id, type, description, inUse, isShared, sizeBytes, createdAt, lastUsedAt, usageCount, parents } =
    record;
  return {
    ID: id,
    ...(parents.length > 0 && { " Parents": parents }),
    Type: type,
    Description: description,
    InUse: inUse,
    Shared: isShared,
    Size: sizeBytes,
    CreatedAt: formatTimestamp(createdAt),
    LastUsedAt: formatTimestamp(lastUsedAt),
    UsageCount: usageCount,
  };
}

import type { Logger } from "../logger.ts";
import type { Rooms } from "./call.ts";
import { inOrder } from "./lists.ts";
import { createMirrorBlobs } from "./mirror-blobs.ts";
import type { MirrorCache } from "./mirror-cache.ts";
import { createMirrorManifests, type MirrorInput } from "./mirror-manifests.ts";
import { createPreference } from "./prefer-upstream.ts";
import type { Upstream } from "./upstream.ts";

/**
 * The rooms of a mirror: what is not in the storage is fetched from the upstream, stored, and given to the client meanwhile. Tags are
 * asked for each time, and taken from the storage when the upstream is down. What has a digest never changes and is not asked for again.
 */
export function createMirror(rooms: Rooms, upstream: Upstream, cache: MirrorCache, logger: Logger): Rooms {
  const preferUpstream = createPreference(upstream.origin, logger);
  const input: MirrorInput = { upstream, cache, preferUpstream, logger };
  return {
    storage: rooms.storage,
    uploads: rooms.uploads,
    upstream: upstream.origin,
    manifests: createMirrorManifests(rooms.manifests, input),
    blobs: createMirrorBlobs(rooms, input),
    async listTags(name) {
      const own = await rooms.listTags(name).catch(() => undefined);
      const ask = async (signal?: AbortSignal) =>
        inOrder(await upstream.listTags(name, signal), (tag) => tag);
      return preferUpstream("NAME_UNKNOWN", ask, own);
    },
  };
}

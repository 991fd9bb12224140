import { volumeUsers } from "../containers/mounts.ts";
import { flagOf, matchesLabels } from "../formats/filters.ts";
import { pruneVolumes } from "../system/prune.ts";
import { type ApiRequest, created, noContent, ok, type Reply } from "./request.ts";

export function list(request: ApiRequest): Reply {
  const { volumes, containers } = request.engine;
  const filters = request.filters(["dangling", "driver", "label", "name"]);
  const dangling = flagOf(filters, "dangling");
  const found = volumes
    .list()
    .filter(
      ({ name, labels }) =>
        (!filters.has("name") || filters.get("name")!.some((part) => name.includes(part))) &&
        (!filters.has("driver") || filters.get("driver")!.includes("local")) &&
        (dangling === undefined || dangling === (volumeUsers(containers, name).length === 0)) &&
        matchesLabels(filters, labels),
    );
  return ok({ Volumes: found.map((record) => volumes.inspect(record)), Warnings: null });
}

export function inspect(request: ApiRequest): Reply {
  const { volumes } = request.engine;
  return ok(volumes.inspect(volumes.getVolume(request.param("name"))));
}

export async function create(request: ApiRequest): Promise<Reply> {
  const { volumes } = request.engine;
  return created(volumes.inspect(volumes.create(await request.json())));
}

export async function remove(request: ApiRequest): Promise<Reply> {
  const { volumes, containers } = request.engine;
  const name = request.param("name");
  await volumes.remove(name, { force: request.flag("force"), usedBy: volumeUsers(containers, name) });
  return noContent;
}

export async function prune(request: ApiRequest): Promise<Reply> {
  const filters = request.filters(["label", "label!", "all"]);
  // Before this version there was no such filter, and volumes with names went too.
  if (request.version < 42) filters.set("all", ["true"]);
  return ok(await pruneVolumes(request.engine, filters));
}

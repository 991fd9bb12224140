import { volumeUsers } from "../containers/mounts.ts";
import { invalid } from "../errors.ts";
import { volumeCreateShape } from "../formats/docker-api/docker-api-bodies.ts";
import { flagOf, matchesLabels } from "../formats/filters.ts";
import { compileNamePattern } from "../formats/name-pattern.ts";
import { announcePrune, pruneVolumes } from "../system/prune.ts";
import { type ApiRequest, created, noContent, ok, type Reply } from "./request.ts";

export function listing(request: ApiRequest): Reply {
  const { volumes, containers } = request.engine;
  const filters = request.filters(["dangling", "driver", "label", "name"]);
  const dangling = flagOf(filters, "dangling");
  const names = (filters.get("name") ?? []).map(compileNamePattern);
  const found = volumes
    .list()
    .filter(
      ({ name, labels }) =>
        (!filters.has("name") || names.some((test) => test(name))) &&
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
  return created(volumes.inspect(volumes.create(await request.body(volumeCreateShape))));
}

export async function remove(request: ApiRequest): Promise<Reply> {
  const { volumes, containers } = request.engine;
  const name = request.param("name");
  await volumes.remove(name, { force: request.flag("force"), usedBy: volumeUsers(containers, name) });
  return noContent;
}

export async function prune(request: ApiRequest): Promise<Reply> {
  const filters = request.filters(["label", "label!", "all"]);
  checkAll(filters.get("all"));
  // Before this version there was no such filter, and volumes with names went too.
  if (request.version < 42) filters.set("all", ["true"]);
  const result = await pruneVolumes(request.engine, filters, request.signal);
  if (!request.signal.aborted) announcePrune(request.engine.events, "volume", result.SpaceReclaimed);
  return ok(result);
}

/** @throws EngineError invalid in Docker's words, which are other ones than for other filters */
function checkAll(values: string[] | undefined): void {
  if (values === undefined) return;
  if (values.length > 1)
    throw invalid(`invalid filter 'all=[${values.join(" ")}]': only one value is expected`);
  if (!/^(1|t|T|true|True|TRUE|0|f|F|false|False|FALSE)$/.test(values[0] ?? ""))
    throw invalid(`invalid filter 'all': strconv.ParseBool: parsing "${values[0]}": invalid syntax`);
}

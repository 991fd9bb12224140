import type { Container } from "../containers/container.ts";
import { matchesLabels } from "../formats/filters.ts";
import type { EndpointInUse, NetworkRecord } from "../networks/networks.ts";
import { pruneNetworks } from "../system/prune.ts";
import { type ApiRequest, created, noContent, ok, type Reply } from "./request.ts";

export function list(request: ApiRequest): Reply {
  const { networks } = request.engine;
  const filters = request.filters(["dangling", "driver", "id", "label", "name", "scope", "type"]);
  const some = (key: string, test: (value: string) => boolean) =>
    !filters.has(key) || filters.get(key)!.some(test);
  const found = networks
    .list()
    .filter(
      ({ id, name, driver, labels }) =>
        some("id", (value) => id.startsWith(value)) &&
        some("name", (value) => name.includes(value)) &&
        some("driver", (value) => driver === value) &&
        some("scope", (value) => value === "local") &&
        some("type", (value) => value === (isBuiltin(name) ? "builtin" : "custom")) &&
        matchesLabels(filters, labels),
    );
  // As Docker's list: who is connected is told by inspect alone.
  return ok(found.map((record) => networks.inspect(record, [])));
}

function isBuiltin(name: string): boolean {
  return ["bridge", "host", "none"].includes(name);
}

export function inspect(request: ApiRequest): Reply {
  const { networks } = request.engine;
  const record = networks.getNetwork(request.param("id"));
  return ok(networks.inspect(record, endpointsOn(request, record)));
}

function endpointsOn(request: ApiRequest, network: NetworkRecord): EndpointInUse[] {
  const running = [...request.engine.containers.byId.values()].filter(({ record }) => record.state.Running);
  return running.flatMap(({ record }: Container) => {
    const settings = record.endpoints[network.name];
    return settings ? [{ containerId: record.id, containerName: record.name, settings }] : [];
  });
}

export async function create(request: ApiRequest): Promise<Reply> {
  const record = await request.engine.networks.createNetwork(await request.json());
  return created({ Id: record.id, Warning: "" });
}

export async function remove(request: ApiRequest): Promise<Reply> {
  await request.engine.networks.removeNetwork(request.param("id"));
  return noContent;
}

export async function prune(request: ApiRequest): Promise<Reply> {
  return ok(await pruneNetworks(request.engine, request.filters(["label", "label!", "until"])));
}

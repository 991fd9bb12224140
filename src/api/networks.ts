import { connectContainer, disconnectContainer } from "../containers/connect.ts";
import { findContainer, getContainer } from "../containers/containers.ts";
import { internal, invalid, notFound } from "../errors.ts";
import {
  networkConnectShape,
  networkCreateShape,
  networkDisconnectShape,
} from "../formats/docker-api/docker-api-bodies.ts";
import { matchesLabels } from "../formats/filters.ts";
import { parseGoBool } from "../formats/go-bool.ts";
import { compileNamePattern } from "../formats/name-pattern.ts";
import { type EndpointInUse, isPredefined, type NetworkRecord } from "../networks/networks.ts";
import { announcePrune, pruneNetworks } from "../system/prune.ts";
import { type ApiRequest, created, noContent, ok, type Reply } from "./request.ts";

export function listing(request: ApiRequest): Reply {
  const { networks } = request.engine;
  const filters = request.filters(["dangling", "driver", "id", "label", "name", "scope", "type"]);
  const some = (key: string, test: (value: string) => boolean) =>
    !filters.has(key) || filters.get(key)!.some(test);
  const patterns = (key: string) => (filters.get(key) ?? []).map(compileNamePattern);
  const [ids, names] = [patterns("id"), patterns("name")];
  const dangling = readDangling(filters.get("dangling"));
  for (const value of filters.get("type") ?? [])
    if (value !== "builtin" && value !== "custom") throw internal(`invalid filter: 'type'='${value}'`);
  const isDangling = (id: string, name: string) => !isPredefined(name) && !networks.hasEndpoints(id);
  const found = networks
    .list()
    .filter(
      ({ id, name, driver, scope, labels }) =>
        (!filters.has("id") || ids.some((test) => test(id))) &&
        (!filters.has("name") || names.some((test) => test(name))) &&
        (dangling === undefined || dangling === isDangling(id, name)) &&
        some("driver", (value) => driver === value) &&
        some("scope", (value) => value === scope) &&
        some("type", (value) => value === (isPredefined(name) ? "builtin" : "custom")) &&
        matchesLabels(filters, labels),
    );
  // As in Docker, only inspect lists the connected containers.
  const endpoints = (record: NetworkRecord) => (request.version < 28 ? endpointsOn(request, record) : []);
  return ok(found.map((record) => networks.inspect(record, endpoints(record))));
}

function readDangling(values: string[] | undefined): boolean | undefined {
  if (values === undefined) return undefined;
  if (values.length > 1) throw invalid('got more than one value for filter key "dangling"');
  const [value = ""] = values;
  if (["1", "true"].includes(value)) return true;
  if (["0", "false"].includes(value)) return false;
  throw invalid(`invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`);
}

export function inspect(request: ApiRequest): Reply {
  const { networks } = request.engine;
  const [name, verbose, scope] = [request.param("id"), request.text("verbose"), request.text("scope")];
  if (verbose !== "" && parseGoBool(verbose) === undefined)
    throw invalid(
      `invalid value for verbose: ${verbose}: strconv.ParseBool: parsing ${JSON.stringify(verbose)}: invalid syntax`,
    );
  const [record, ...others] = networks.listMatches(name).filter((one) => scope === "" || one.scope === scope);
  if (!record) throw notFound(`network ${name} not found`);
  if (others.length > 0)
    throw invalid(`${others.length + 1} matches found based on ID prefix: network ${name} is ambiguous`);
  return ok(networks.inspect(record, endpointsOn(request, record)));
}

function endpointsOn(request: ApiRequest, network: NetworkRecord): EndpointInUse[] {
  const running = [...request.engine.containers.byId.values()].filter(({ record }) => record.state.Running);
  return running.flatMap(({ record: { id, name } }) => {
    const { endpoints = {} } = request.engine.networks.view(id) ?? {};
    const settings = Object.values(endpoints).find(({ NetworkID }) => NetworkID === network.id);
    return settings ? [{ containerId: id, containerName: name, settings }] : [];
  });
}

export async function create(request: ApiRequest): Promise<Reply> {
  const record = await request.engine.networks.createNetwork(await request.body(networkCreateShape));
  return created({ Id: record.id, Warning: "" });
}

export async function connect(request: ApiRequest): Promise<Reply> {
  const { containers } = request.engine;
  const { Container: name, EndpointConfig } = await request.body(networkConnectShape, { isRequired: true });
  const container = getContainer(containers, name);
  // As Docker did before 1.54.
  const { MacAddress: _, ...settings } = EndpointConfig ?? {};
  await connectContainer(containers, container, request.param("id"), settings);
  return { status: 200 };
}

export async function disconnect(request: ApiRequest): Promise<Reply> {
  const { containers } = request.engine;
  const { Container: name, Force } = await request.body(networkDisconnectShape, { isRequired: true });
  const container = findContainer(containers, name);
  if (!container && Force) throw notFound(`endpoint ${name} not found`);
  await disconnectContainer(containers, container ?? getContainer(containers, name), request.param("id"));
  return { status: 200 };
}

export async function remove(request: ApiRequest): Promise<Reply> {
  await request.engine.networks.removeNetwork(request.param("id"));
  return noContent;
}

export async function prune(request: ApiRequest): Promise<Reply> {
  const { engine, signal } = request;
  const result = await pruneNetworks(engine, request.filters(["label", "label!", "until"]), signal);
  if (!signal.aborted) announcePrune(engine.events, "network", 0);
  return ok(result);
}

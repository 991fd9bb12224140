import { internal, invalid, notFound } from "../errors.ts";
import { listExposedPorts } from "../formats/container-port.ts";
import type { EndpointSettings, HostConfig } from "../formats/docker-api/docker-api.ts";
import { findModeContainer } from "../formats/namespace-mode.ts";
import { changeHostsFile } from "../launch/live-files.ts";
import type { SandboxLink } from "../networks/networks.ts";
import type { Container, ContainerRecord } from "./container.ts";
import { type Containers, findContainer, save } from "./containers.ts";
import { addressesIn, etcFilesOf } from "./etc-files.ts";

/*
 * Links on the default bridge (`--link`): the linked container's name in /etc/hosts, its ports and environment in variables. On networks
 * of users' own a link is a further name that its container alone knows, which the resolver answers.
 */

type Links = ContainerRecord["links"];

/** A link that is in effect. */
interface Linked {
  alias: string;
  target: Container;
  addresses: string[];
}

/**
 * The links that a container asks for. On a user's network they go to its endpoint there.
 * @throws EngineError invalid, internal, in Docker's words
 */
export function settleLinks(
  containers: Containers,
  hostConfig: HostConfig,
  endpoints: Record<string, EndpointSettings>,
): Links {
  const { Links, NetworkMode: mode } = hostConfig;
  const asked = (Links ?? []).map(parseLink);
  hostConfig.Links = null;
  if (asked.length === 0) return [];
  if (mode === "host") throw refusal("host type networking");
  if (findModeContainer(mode) !== undefined) throw refusal("container type network");
  if (mode !== "bridge") {
    const own = endpoints[mode];
    if (own && !own.Links) own.Links = asked.map(({ name, alias }) => `${name}:${alias}`);
    return [];
  }
  return asked.map(({ name, alias }) => {
    const target = findContainer(containers, name);
    if (!target) throw invalid(`could not get container for ${name}: No such container: ${name}`);
    if (target.record.hostConfig.NetworkMode === "host") throw refusal("host type networking");
    return { id: target.record.id, alias };
  });
}

const refusal = (what: string) =>
  invalid(`conflicting options: ${what} can't be used with links. This would result in undefined behavior`);

function parseLink(text: string): { name: string; alias: string } {
  // As inspect shows it, which clients send back: "/db:/web/the-db".
  const [name = "", path, ...others] = text.split(":");
  const alias = path?.split("/").at(-1) ?? name;
  if (name === "" || alias === "" || others.length > 0) throw internal(`bad format for links: ${text}`);
  return { name: name.replace(/^\//, ""), alias };
}

/** As `HostConfig.Links` shows them. */
export function describeLinks(containers: Containers, { name, links }: ContainerRecord): string[] | null {
  const described = links.flatMap(({ id, alias }) => {
    const target = containers.byId.get(id);
    return target ? [`/${target.record.name}:/${name}/${alias}`] : [];
  });
  return described.length > 0 ? described : null;
}

/** What a container is called by those that are linked to it: "/web/the-db". */
export function linkNames({ byLink }: Containers, { record: { id } }: Container): string[] {
  return [...byLink.of(id)].flatMap(({ record }) =>
    record.links.filter((link) => link.id === id).map(({ alias }) => `/${record.name}/${alias}`),
  );
}

/** The ports of its links' targets, for networks where containers do not reach each other by themselves. */
export function linkedPorts({ byId }: Containers, { links }: ContainerRecord): SandboxLink[] {
  return links.flatMap(({ id: ownerId }) => {
    const target = byId.get(ownerId)?.record;
    return target ? [{ ownerId, ports: Object.keys(target.config.ExposedPorts ?? {}) }] : [];
  });
}

/** The lines of /etc/hosts for a container's links. @throws EngineError internal for one that does not run */
export function linkLines(containers: Containers, container: Container): string[] {
  return findLinked(containers, container.record, container.record.links).flatMap(formatLines);
}

/** Its variables for those that run, which its own replace. */
export function linkEnvironment(containers: Containers, container: Container): string[] {
  const { name, links } = container.record;
  const running = links.filter(({ id }) => (containers.byId.get(id)?.record.state.Pid ?? 0) > 0);
  return findLinked(containers, container.record, running).flatMap((linked) =>
    formatEnvironment(name, linked),
  );
}

/** Containers that are linked to one that has been started find it at the addresses that it has now. */
export async function followLinks(containers: Containers, target: Container): Promise<void> {
  for (const container of containers.byLink.of(target.record.id)) {
    const { record } = container;
    if (record.state.Pid === 0) continue;
    const addresses = addressesOf(containers, target);
    const own = record.links.filter(({ id }) => id === target.record.id);
    const lines = own.flatMap(({ alias }) => formatLines({ alias, target, addresses }));
    const names = new Set(lines.map((line) => line.split("\t")[1]));
    const isOld = (line: string) => names.has(line.split("\t")[1]);
    await changeHostsFile(etcFilesOf(containers, record.id).hosts, isOld, lines);
  }
}

/** Takes a link away, also from the /etc/hosts of a container that runs. @throws EngineError notFound */
export async function unlink(containers: Containers, name: string, alias: string): Promise<void> {
  const container = findContainer(containers, name);
  const link = container?.record.links.find((one) => one.alias === alias);
  const missing = () => notFound(`No such container: /${name}/${alias}`);
  if (!container || !link) throw missing();
  const { record } = container;
  const target = containers.byId.get(link.id);
  await container.enqueue(async () => {
    // With the container its links go.
    if (container.isMarkedForRemoval || !record.links.includes(link)) throw missing();
    containers.byLink.delete(container);
    record.links = record.links.filter((one) => one !== link);
    containers.byLink.add(container);
    save(containers, container);
    if (!record.links.some(({ id }) => id === link.id)) await containers.networks.unlink(record.id, link.id);
    if (!target || record.state.Pid === 0) return;
    const gone = formatLines({ alias, target, addresses: addressesOf(containers, target) });
    await changeHostsFile(etcFilesOf(containers, record.id).hosts, (line) => gone.includes(line), []);
  });
}

function findLinked(containers: Containers, { name: ownName }: ContainerRecord, links: Links): Linked[] {
  return links.flatMap(({ id, alias }) => {
    const target = containers.byId.get(id);
    if (!target) return [];
    const { name, state } = target.record;
    if (state.Pid === 0)
      throw internal(`Cannot link to a non running container: /${name} AS /${ownName}/${alias}`);
    const addresses = addressesOf(containers, target);
    if (addresses.length === 0) throw internal(`container ${id} not attached to default bridge network`);
    return [{ alias, target, addresses }];
  });
}

function addressesOf({ networks }: Containers, { record }: Container): string[] {
  return addressesIn(networks.view(record.id)?.endpoints.bridge ?? {});
}

function formatLines({ alias, target: { record }, addresses }: Linked): string[] {
  const names = [...new Set([alias, record.config.Hostname, record.name])].join(" ");
  return addresses.map((address) => `${address}\t${names}`);
}

/** Variables that every container has of its own. */
const ownVariables = ["HOME", "PATH"];
/** This many ports side by side are also given as a range. */
const leastRange = 3;

function formatEnvironment(ownName: string, { alias, target: { record }, addresses }: Linked): string[] {
  const prefix = alias.toUpperCase().replaceAll("-", "_");
  const [address = ""] = addresses;
  const ports = listExposedPorts(Object.keys(record.config.ExposedPorts ?? {})).sort(
    (a, b) => Number(a.protocol !== "tcp") - Number(b.protocol !== "tcp") || a.port - b.port,
  );
  const url = ({ protocol, port }: (typeof ports)[number]) => `${protocol}://${address}:${port}`;
  const keyOf = ({ protocol, port }: (typeof ports)[number]) =>
    `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
  const [first] = ports;
  const variables = [
    `${prefix}_NAME=/${ownName}/${alias}`,
    ...(first ? [`${prefix}_PORT=${url(first)}`] : []),
  ];
  for (let at = 0; at < ports.length; ) {
    let end = at + 1;
    while (ports[end]?.protocol === ports[at]?.protocol && ports[end]?.port === ports[end - 1]!.port + 1)
      end++;
    const [begin, last] = [ports[at]!, ports[end - 1]!];
    if (end - at >= leastRange) {
      const key = keyOf(begin);
      variables.push(`${key}_START=${url(begin)}`, `${key}_END=${url(last)}`);
      variables.push(`${key}_PORT_START=${begin.port}`, `${key}_PORT_END=${last.port}`);
    }
    at = end;
  }
  for (const port of ports) {
    const key = keyOf(port);
    variables.push(
      `${key}=${url(port)}`,
      `${key}_ADDR=${address}`,
      `${key}_PORT=${port.port}`,
      `${key}_PROTO=${port.protocol}`,
    );
  }
  for (const variable of record.config.Env ?? []) {
    const [name = "", ...value] = variable.split("=");
    if (value.length > 0 && !ownVariables.includes(name))
      variables.push(`${prefix}_ENV_${name}=${value.join("=")}`);
  }
  return variables;
}

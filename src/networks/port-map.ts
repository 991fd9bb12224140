import { invalid, notImplemented } from "../errors.ts";
import type { PortMap } from "../formats/docker-api.ts";
import { formatIpv4, parseIpv4 } from "../formats/ip-address.ts";
import type { PortProtocol } from "../sys/port-socket.ts";

/** A port of this machine that leads to one of a container. */
export interface Publication {
  protocol: PortProtocol;
  /** 0 for every address of this machine. */
  hostAddress: number;
  hostPort: number;
  containerAddress: number;
  containerPort: number;
}

/** A publication as asked for: one of the ports from `firstPort` to `lastPort`, or any free one when both are 0. */
export interface WantedPort {
  protocol: PortProtocol;
  hostAddress: number;
  firstPort: number;
  lastPort: number;
  containerPort: number;
}

export interface PortRange {
  first: number;
  last: number;
}

/** What a container's settings publish. `publishAll` gives every exposed port that has no binding a free host port. */
export function findWantedPorts(
  bindings: PortMap,
  exposedPorts: string[],
  publishAll: boolean,
): WantedPort[] {
  const wanted = Object.entries(bindings).flatMap(([key, list]) => {
    const { protocol, port: containerPort } = parseContainerPort(key);
    return (list ?? []).map((binding) => {
      const { first, last } = parseHostPort(binding.HostPort ?? "");
      const hostAddress = parseHostAddress(binding.HostIp ?? "");
      return { protocol, hostAddress, firstPort: first, lastPort: last, containerPort };
    });
  });
  if (!publishAll) return wanted;
  const bound = new Set(wanted.map(({ protocol, containerPort }) => `${containerPort}/${protocol}`));
  const others = exposedPorts
    .map(parseContainerPort)
    .filter(({ protocol, port }) => !bound.has(`${port}/${protocol}`))
    .map(({ protocol, port }) => ({
      protocol,
      hostAddress: 0,
      firstPort: 0,
      lastPort: 0,
      containerPort: port,
    }));
  return [...wanted, ...others];
}

/** `NetworkSettings.Ports`: what was really bound, null for what is exposed only. */
export function formatPortMap(publications: Publication[], exposedPorts: string[]): PortMap {
  const ports: PortMap = {};
  for (const key of exposedPorts) {
    const { protocol, port } = parseContainerPort(key);
    ports[`${port}/${protocol}`] = null;
  }
  for (const { protocol, containerPort, hostAddress, hostPort } of publications) {
    const key = `${containerPort}/${protocol}`;
    const binding = { HostIp: formatIpv4(hostAddress), HostPort: String(hostPort) };
    ports[key] = [...(ports[key] ?? []), binding];
  }
  return ports;
}

/** The publications a `NetworkSettings.Ports` tells of: the inverse of `formatPortMap`. */
export function parsePortMap(ports: PortMap, containerAddress: number): Publication[] {
  return findWantedPorts(ports, [], false).map(({ protocol, hostAddress, firstPort, containerPort }) => ({
    protocol,
    hostAddress,
    hostPort: firstPort,
    containerAddress,
    containerPort,
  }));
}

function parseContainerPort(key: string): { protocol: PortProtocol; port: number } {
  const [text = "", name = "tcp"] = key.split("/");
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65535)
    throw invalid(`invalid port specification: "${key}"`);
  const protocol = name.toLowerCase();
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp")
    throw invalid(`invalid port specification: "${key}": invalid proto: ${name}`);
  return { protocol, port };
}

function parseHostPort(text: string): PortRange {
  if (text === "") return { first: 0, last: 0 };
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (!match || first > last || last > 65535 || (first === 0 && last !== 0))
    throw invalid(`invalid port specification: "${text}"`);
  return { first, last };
}

function parseHostAddress(text: string): number {
  if (text === "") return 0;
  const address = parseIpv4(text);
  if (address !== undefined) return address;
  if (text.includes(":")) throw notImplemented(`publishing on an IPv6 address is not yet supported: ${text}`);
  throw invalid(`invalid IP address: ${text}`);
}

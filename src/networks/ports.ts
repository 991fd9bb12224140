import { readFileSync } from "node:fs";
import { hasCode, internal, invalid, messageOf, notImplemented } from "../errors.ts";
import type { PortMap } from "../formats/docker-api.ts";
import { formatIpv4, parseIpv4 } from "../formats/ip-address.ts";
import { type PortProtocol, releasePort, reservePort } from "../sys/port-socket.ts";

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

interface PortRange {
  first: number;
  last: number;
}

/** The ports of this machine that this engine holds. */
export interface PortReservations {
  /**
   * Takes a host port for each, or none. @throws internal "Bind for … failed: port is already allocated"
   */
  take(wanted: WantedPort[], containerAddress: number): Publication[];
  /** Takes one that is in use already, after a restart. False when another process has got hold of it. */
  retake(publication: Publication): boolean;
  release(publications: Publication[]): void;
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

export function createPortReservations(freePorts: PortRange): PortReservations {
  /** By protocol and port: the addresses held, with their sockets. */
  const held = new Map<string, Map<number, number | undefined>>();
  let nextFree = freePorts.first;

  /** The kernel would find most clashes itself, but it has no sockets for sctp. */
  function isHeld(protocol: string, address: number, port: number): boolean {
    const addresses = held.get(`${protocol} ${port}`);
    if (!addresses) return false;
    return address === 0 || addresses.has(0) || addresses.has(address);
  }

  function hold(protocol: PortProtocol, address: number, port: number): void {
    const fd = reservePort(protocol, address, port);
    const key = `${protocol} ${port}`;
    const addresses = held.get(key) ?? new Map<number, number | undefined>();
    held.set(key, addresses.set(address, fd));
  }

  /** False when it is taken. @throws internal for any other reason */
  function reserve(protocol: PortProtocol, address: number, port: number): boolean {
    if (isHeld(protocol, address, port)) return false;
    try {
      hold(protocol, address, port);
      return true;
    } catch (error) {
      if (hasCode(error, "EADDRINUSE")) return false;
      const reason = hasCode(error, "EADDRNOTAVAIL") ? "cannot assign requested address" : messageOf(error);
      throw internal(
        `failed to bind host port for ${formatIpv4(address)}:${port}/${protocol}: ${reason}`,
        error,
      );
    }
  }

  function release(publications: Publication[]): void {
    for (const { protocol, hostAddress, hostPort } of publications) {
      const key = `${protocol} ${hostPort}`;
      const addresses = held.get(key);
      const fd = addresses?.get(hostAddress);
      if (fd !== undefined) releasePort(fd);
      addresses?.delete(hostAddress);
      if (addresses?.size === 0) held.delete(key);
    }
  }

  function takeAny({ protocol, hostAddress }: WantedPort): number {
    for (let tries = freePorts.first; tries <= freePorts.last; tries++) {
      const port = nextFree;
      nextFree = nextFree >= freePorts.last ? freePorts.first : nextFree + 1;
      if (reserve(protocol, hostAddress, port)) return port;
    }
    throw internal(`all ports are allocated`);
  }

  function takeOne(wanted: WantedPort): number {
    const { protocol, hostAddress, firstPort, lastPort } = wanted;
    if (firstPort === 0) return takeAny(wanted);
    for (let port = firstPort; port <= lastPort; port++) {
      if (reserve(protocol, hostAddress, port)) return port;
    }
    throw internal(
      firstPort === lastPort
        ? `Bind for ${formatIpv4(hostAddress)}:${firstPort} failed: port is already allocated`
        : `Bind for ${formatIpv4(hostAddress)}:${firstPort}-${lastPort} failed: all ports are allocated`,
    );
  }

  return {
    take(wanted, containerAddress) {
      const taken: Publication[] = [];
      try {
        for (const want of wanted) {
          const { protocol, hostAddress, containerPort } = want;
          taken.push({ protocol, hostAddress, hostPort: takeOne(want), containerAddress, containerPort });
        }
      } catch (error) {
        release(taken);
        throw error;
      }
      return taken;
    },
    retake: ({ protocol, hostAddress, hostPort }) => reserve(protocol, hostAddress, hostPort),
    release,
  };
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

/** The range the kernel gives ports without a number from (net.ipv4.ip_local_port_range). */
export function readFreePorts(): PortRange {
  const [first, last] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8")
    .trim()
    .split(/\s+/)
    .map(Number);
  return first && last && first <= last ? { first, last } : { first: 32768, last: 60999 };
}

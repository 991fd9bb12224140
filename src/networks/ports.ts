import { hasCode, internal, messageOf } from "../errors.ts";
import { formatIpv4 } from "../formats/ip-address.ts";
import { type PortProtocol, releasePort, reservePort } from "../sys/port-socket.ts";
import { readSysctl } from "../sys/sysctl.ts";
import type { PortRange, Publication, WantedPort } from "./port-map.ts";

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

/** The range the kernel gives ports without a number from (net.ipv4.ip_local_port_range). */
export function readFreePorts(): PortRange {
  const [first, last] = readSysctl("net/ipv4/ip_local_port_range").split(/\s+/).map(Number);
  return first && last && first <= last ? { first, last } : { first: 32768, last: 60999 };
}

import { hasCode, internal, messageOf, unavailable } from "../errors.ts";
import {
  anyAddress,
  encodeIpAddress,
  formatIpAddress,
  type IpAddress,
  isAnyAddress,
} from "../formats/ip-address.ts";
import { type PortProtocol, releasePort, reservePort } from "../sys/port-socket.ts";
import type { Publication } from "./port-map.ts";

/** Ports of this machine that are taken by bound sockets. */
interface HeldPorts {
  /** False when it is taken. @throws internal for any other reason */
  reserve(protocol: PortProtocol, address: IpAddress, port: number): boolean;
  /** The same for one that the relay holds, if it still does. */
  share(protocol: PortProtocol, address: IpAddress, port: number): void;
  /** The descriptor of the socket; undefined where another process holds it. */
  socketOf(publication: Publication): number | undefined;
  release(publication: Publication): void;
}

export function createHeldPorts(): HeldPorts {
  /** By protocol and port: the addresses held, as text, with their sockets. */
  const held = new Map<string, Map<string, number | undefined>>();

  /** The kernel finds most clashes itself, but not that of a port which the relay holds. */
  function isHeld(protocol: string, address: IpAddress, port: number): boolean {
    const addresses = held.get(`${protocol} ${port}`);
    return addresses !== undefined && doesClash(addresses.keys(), address);
  }

  function hold(protocol: PortProtocol, address: IpAddress, port: number): void {
    keep(protocol, address, port, reservePort(protocol, encodeIpAddress(address), port));
  }

  function keep(protocol: PortProtocol, address: IpAddress, port: number, fd: number | undefined): void {
    const key = `${protocol} ${port}`;
    const addresses = held.get(key) ?? new Map<string, number | undefined>();
    held.set(key, addresses.set(formatIpAddress(address), fd));
  }

  function reserve(protocol: PortProtocol, address: IpAddress, port: number): boolean {
    if (isHeld(protocol, address, port)) return false;
    try {
      hold(protocol, address, port);
      return true;
    } catch (error) {
      if (hasCode(error, "EADDRINUSE")) return false;
      if (hasCode(error, "EPROTONOSUPPORT") || hasCode(error, "ESOCKTNOSUPPORT"))
        throw unavailable(
          `the kernel of this machine has no ${protocol}: load its module ${protocol} to publish such a port`,
          error,
        );
      const reason = hasCode(error, "EADDRNOTAVAIL") ? "cannot assign requested address" : messageOf(error);
      throw internal(
        `failed to bind host port for ${formatIpAddress(address)}:${port}/${protocol}: ${reason}`,
        error,
      );
    }
  }

  function share(protocol: PortProtocol, address: IpAddress, port: number): void {
    if (!isHeld(protocol, address, port) && !reserve(protocol, address, port))
      keep(protocol, address, port, undefined);
  }

  function release({ protocol, hostAddress, hostPort }: Publication): void {
    const key = `${protocol} ${hostPort}`;
    const addresses = held.get(key);
    const address = formatIpAddress(hostAddress);
    const fd = addresses?.get(address);
    if (fd !== undefined) releasePort(fd);
    addresses?.delete(address);
    if (addresses?.size === 0) held.delete(key);
  }

  const socketOf = ({ protocol, hostAddress, hostPort }: Publication) =>
    held.get(`${protocol} ${hostPort}`)?.get(formatIpAddress(hostAddress));

  return { reserve, share, socketOf, release };
}

/** Every address of a family clashes with each of it. */
function doesClash(held: Iterable<string>, address: IpAddress): boolean {
  const [text, any] = [formatIpAddress(address), formatIpAddress(anyAddress(address.family))];
  for (const one of held) {
    if (one === text || one === any) return true;
    if (isAnyAddress(address) && one.includes(":") === text.includes(":")) return true;
  }
  return false;
}

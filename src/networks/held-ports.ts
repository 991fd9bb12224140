import { hasCode, internal, messageOf, unavailable } from "../errors.ts";
import {
  anyAddress,
  encodeIpAddress,
  formatIpAddress,
  type IpAddress,
  isAnyAddress,
} from "../formats/ip-address.ts";
import { releasePort, reservePort } from "../sys/port-socket.ts";
import { isPortClaimed } from "../sys/port-users.ts";
import type { Publication } from "./port-map.ts";

type Place = Pick<Publication, "protocol" | "hostAddress" | "hostPort">;

/** Ports of this machine that are taken by bound sockets, each for an owner. */
interface HeldPorts {
  /** False when it is taken. @throws internal for any other reason */
  reserve(ownerId: string, place: Place): boolean;
  /**
   * Takes one that leads to the owner already. It stays the owner's, for the time being without a socket, where a passing connection
   * keeps it from being bound: none of what comes to the port is for that one.
   * @param isRelayed the relay may be what listens there
   * @returns false when it is another owner's or process's
   */
  retake(ownerId: string, place: Place, isRelayed: boolean): boolean;
  /** The descriptor of the socket; undefined where there is none. */
  socketOf(ownerId: string, place: Place): number | undefined;
  /** Nothing happens where it is another owner's. */
  release(ownerId: string, place: Place): void;
}

interface Held {
  ownerId: string;
  fd: number | undefined;
}

export function createHeldPorts(isClaimed = isPortClaimed): HeldPorts {
  /** By protocol and port: the addresses held, as text. */
  const held = new Map<string, Map<string, Held>>();
  const keyOf = ({ protocol, hostPort }: Place) => `${protocol} ${hostPort}`;

  /** The kernel finds most clashes itself, but not that of a port which the relay holds. */
  function isHeld(place: Place): boolean {
    const addresses = held.get(keyOf(place));
    return addresses !== undefined && doesClash(addresses.keys(), place.hostAddress);
  }

  function keep(place: Place, one: Held): void {
    const addresses = held.get(keyOf(place)) ?? new Map<string, Held>();
    held.set(keyOf(place), addresses.set(formatIpAddress(place.hostAddress), one));
  }

  function find(ownerId: string, place: Place): Held | undefined {
    const found = held.get(keyOf(place))?.get(formatIpAddress(place.hostAddress));
    return found?.ownerId === ownerId ? found : undefined;
  }

  function reserve(ownerId: string, place: Place): boolean {
    if (isHeld(place)) return false;
    const { protocol, hostAddress: address, hostPort: port } = place;
    try {
      keep(place, { ownerId, fd: reservePort(protocol, encodeIpAddress(address), port) });
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

  function retake(ownerId: string, place: Place, isRelayed: boolean): boolean {
    if (find(ownerId, place)?.fd !== undefined) return true;
    release(ownerId, place);
    if (isHeld(place)) return isRelayed;
    if (reserve(ownerId, place)) return true;
    const { protocol, hostAddress, hostPort } = place;
    // The connection may have passed by now.
    if (!isRelayed && isClaimed(protocol, encodeIpAddress(hostAddress), hostPort))
      return reserve(ownerId, place);
    keep(place, { ownerId, fd: undefined });
    return true;
  }

  function release(ownerId: string, place: Place): void {
    const found = find(ownerId, place);
    if (!found) return;
    if (found.fd !== undefined) releasePort(found.fd);
    const addresses = held.get(keyOf(place));
    addresses?.delete(formatIpAddress(place.hostAddress));
    if (addresses?.size === 0) held.delete(keyOf(place));
  }

  return { reserve, retake, socketOf: (ownerId, place) => find(ownerId, place)?.fd, release };
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

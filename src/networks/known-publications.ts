import {
  doesContain,
  formatIpAddress,
  type IpAddress,
  isAnyAddress,
  isLoopback,
} from "../formats/ip-address.ts";
import type { Bridge } from "./bridge.ts";
import type { Publication } from "./port-map.ts";

/** What is published, and for whom. A change costs what it changes, however many there are. */
export interface KnownPublications {
  /** Those of another owner at the same place are the other's no more. */
  put(ownerId: string, list: readonly Publication[]): void;
  /** @returns those that were this owner's */
  take(ownerId: string, list: readonly Publication[]): Publication[];
  list(): Publication[];
  /** Whether one of them leads where this one does. */
  leadsThere(publication: Publication): boolean;
  setBridges(bridges: readonly Bridge[]): void;
  /** Whether a container under that bridge has a port on this machine's loopback. */
  needsLoopback(link: string): boolean;
}

interface Loopback {
  address: IpAddress;
  count: number;
}

export function createKnownPublications(): KnownPublications {
  const byPlace = new Map<string, { ownerId: string; publication: Publication }>();
  const targets = new Map<string, number>();
  /** Containers' addresses that ports on loopback lead to, and how many of these are under each bridge. */
  const loopback = new Map<bigint, Loopback>();
  const perLink = new Map<string, number>();
  let bridges: readonly Bridge[] = [];

  function countLoopback({ containerAddress: address }: Publication, by: 1 | -1): void {
    const known = loopback.get(address.value) ?? { address, count: 0 };
    known.count += by;
    if (by > 0 && known.count === 1) loopback.set(address.value, known);
    else if (known.count === 0) loopback.delete(address.value);
    else return;
    countLinks(address, by);
  }

  function countLinks(address: IpAddress, by: 1 | -1): void {
    for (const { link, homes } of bridges)
      if (homes.some(({ subnet }) => doesContain(subnet, address))) add(perLink, link, by);
  }

  function count(publication: Publication, by: 1 | -1): void {
    add(targets, targetKey(publication), by);
    if (isOnLoopback(publication)) countLoopback(publication, by);
  }

  function remove(place: string): void {
    const known = byPlace.get(place);
    if (known) count(known.publication, -1);
    byPlace.delete(place);
  }

  return {
    put(ownerId, list) {
      for (const publication of list) {
        const place = placeOf(publication);
        remove(place);
        byPlace.set(place, { ownerId, publication });
        count(publication, 1);
      }
    },
    take(ownerId, list) {
      return list.filter((publication) => {
        const place = placeOf(publication);
        if (byPlace.get(place)?.ownerId !== ownerId) return false;
        remove(place);
        return true;
      });
    },
    list: () => Array.from(byPlace.values(), ({ publication }) => publication),
    leadsThere: (publication) => targets.has(targetKey(publication)),
    setBridges(list) {
      bridges = [...list];
      perLink.clear();
      for (const { address } of loopback.values()) countLinks(address, 1);
    },
    needsLoopback: (link) => perLink.has(link),
  };
}

function add(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const sum = (counts.get(key) ?? 0) + by;
  if (sum > 0) counts.set(key, sum);
  else counts.delete(key);
}

/** Names a port of this machine, or one that is open at a container's own address. */
function placeOf(publication: Publication): string {
  const { protocol, hostAddress, hostPort } = publication;
  if (hostPort === 0) return targetKey(publication);
  return `${protocol} ${formatIpAddress(hostAddress)} ${hostPort}`;
}

/** Names a container's own address and port, and who reaches it there. */
export function targetKey({ protocol, containerAddress, containerPort, linkedAddress }: Publication): string {
  const from = linkedAddress ? linkedAddress.value : "any";
  return `${protocol} ${containerAddress.family} ${containerAddress.value} ${containerPort} from ${from}`;
}

/** A port of every address is one of 127.0.0.1 too. */
function isOnLoopback({ hostAddress, hostPort }: Publication): boolean {
  return hostPort > 0 && hostAddress.family === 4 && (isAnyAddress(hostAddress) || isLoopback(hostAddress));
}

import { encodeIpAddress, formatIpAddress, type IpAddress, isAnyAddress } from "../formats/ip-address.ts";
import type { SetElement } from "../sys/nftables-message.ts";
import { targetKey } from "./known-publications.ts";
import type { Publication } from "./port-map.ts";
import type { openedSets, publishedMaps } from "./ruleset.ts";

const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 };

/** One part of a concatenation. */
type Part = IpAddress | Publication["protocol"] | number;

/** An element as it is sent to the kernel, and as nft writes it. */
interface PortElement {
  set: keyof typeof publishedMaps | keyof typeof openedSets;
  key: Part[];
  /** Of a map. */
  value?: Part[];
}

/** What the packet filter needs in order to publish a port. */
function elementsOf(publication: Publication): PortElement[] {
  const { protocol, hostAddress, hostPort, containerAddress, containerPort, linkedAddress } = publication;
  if (linkedAddress)
    return [{ set: "linked", key: [linkedAddress, containerAddress, protocol, containerPort] }];
  const isIpv6 = containerAddress.family === 6;
  const opened: PortElement = {
    set: isIpv6 ? "opened6" : "opened",
    key: [containerAddress, protocol, containerPort],
  };
  // What is relayed comes from this machine itself.
  if (hostPort === 0 || hostAddress.family !== containerAddress.family) return [opened];
  const local: Part[] = [protocol, hostPort];
  const value = [containerAddress, containerPort];
  if (isAnyAddress(hostAddress))
    return [opened, { set: isIpv6 ? "published6_any" : "published_any", key: local, value }];
  return [opened, { set: isIpv6 ? "published6" : "published", key: [hostAddress, ...local], value }];
}

/** Several ports of this machine can lead to one of a container, which is opened once. */
function distinctElements(publications: readonly Publication[]): PortElement[] {
  const opened = new Set<string>();
  return publications.flatMap((publication) => {
    const [opening, ...others] = elementsOf(publication);
    const target = targetKey(publication);
    if (!opening || opened.has(target)) return others;
    opened.add(target);
    return [opening, ...others];
  });
}

export function encodeAdditions(publications: readonly Publication[]): SetElement[] {
  const encode = createEncoder();
  return sortBySet(distinctElements(publications)).map(({ set, key, value }) => ({
    verb: "add",
    set,
    key: encode(key),
    ...(value && { value: encode(value) }),
  }));
}

/** @param staysOpen whether others that stay lead where one does */
export function encodeRemovals(
  publications: readonly Publication[],
  staysOpen: (publication: Publication) => boolean,
): SetElement[] {
  const encode = createEncoder();
  const elements = distinctElements(publications.filter((one) => !staysOpen(one)));
  const shared = publications.filter(staysOpen).flatMap((one) => elementsOf(one).slice(1));
  return sortBySet([...elements, ...shared]).map(({ set, key }) => ({
    verb: "delete",
    set,
    key: encode(key),
  }));
}

/** Those of one set travel together. */
function sortBySet(elements: readonly PortElement[]): PortElement[] {
  const bySet = Map.groupBy(elements, ({ set }) => set);
  return [...bySet.values()].flat();
}

/** The same as lines of a script. */
export function formatAdditions(table: string, publications: readonly Publication[]): string {
  return distinctElements(publications)
    .map(({ set, key, value }) => {
      const element = value ? `${formatParts(key)} : ${formatParts(value)}` : formatParts(key);
      return `add element ${table} ${set} { ${element} }\n`;
    })
    .join("");
}

function formatParts(parts: readonly Part[]): string {
  return parts.map((part) => (typeof part === "object" ? formatIpAddress(part) : part)).join(" . ");
}

/** Writes parts in network order, each from a word of its own on, as nft lays out a concatenation. */
function createEncoder(): (parts: readonly Part[]) => Buffer {
  // Most publications of a list lead to one address.
  const known = new Map<bigint, Buffer>();
  function encodeAddress(address: IpAddress): Buffer {
    const bytes = known.get(address.value) ?? encodeIpAddress(address);
    if (bytes.length !== (address.family === 4 ? 4 : 16)) return encodeIpAddress(address);
    known.set(address.value, bytes);
    return bytes;
  }
  return (parts) => {
    const size = parts.reduce<number>(
      (sum, part) => sum + (typeof part === "object" && part.family === 6 ? 16 : 4),
      0,
    );
    const bytes = Buffer.alloc(size);
    let at = 0;
    for (const part of parts) {
      if (typeof part === "object") at += encodeAddress(part).copy(bytes, at);
      else {
        if (typeof part === "number") bytes.writeUInt16BE(part, at);
        else bytes.writeUInt8(protocolNumbers[part], at);
        at += 4;
      }
    }
    return bytes;
  };
}

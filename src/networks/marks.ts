import { isLinkLocal, isSameAddress, type Subnet } from "../formats/ip-address.ts";
import type { Link } from "../sys/link-message.ts";
import type { SublinkKind } from "../sys/sublink-message.ts";

/*
 * The aliases by which an engine knows its links again. A name does not say whose a link is: the machine's administrator may have given it
 * to one of his own meanwhile.
 */

export const bridgeMark = (tableName: string) => `berth ${tableName}`;

/** Of a link that networks of that driver are parts of. */
export const parentMark = (tableName: string, kind: SublinkKind) => `berth ${kind} ${tableName}`;

/** Both drivers of such networks may be on one link. */
export const parentMarks = (tableName: string) =>
  (["macvlan", "ipvlan"] as const).map((kind) => parentMark(tableName, kind));

/** Of all links that come and go with networks. */
export const networkMarks = (tableName: string) => [bridgeMark(tableName), ...parentMarks(tableName)];

/** Of the host end of an endpoint's interface. */
export const endpointMark = (tableName: string, endpointId: string) =>
  `${bridgeMark(tableName)} ${endpointId}`;

export function isEndpointMark(alias: string, tableName: string): boolean {
  const mark = endpointMark(tableName, "");
  return alias.startsWith(mark) && isBareMark(alias.slice(mark.length));
}

/** Of earlier versions, which marked a link with the id of its endpoint or container alone: it may be any engine's. */
export const isBareMark = (alias: string) => /^[0-9a-f]{64}$/.test(alias);

/**
 * Whether a link is the bridge that an engine has made. The first versions did not mark theirs: then it has exactly the addresses that it
 * was given.
 */
export function isOwnBridge(
  { kind, alias }: Pick<Link, "kind" | "alias">,
  mark: string,
  { present, given }: { present: readonly Subnet[]; given: readonly Subnet[] },
): boolean {
  if (kind !== "bridge") return false;
  if (alias !== "") return alias === mark;
  const chosen = present.filter(({ address }) => !isLinkLocal(address));
  return chosen.length === given.length && given.every((one) => chosen.some((other) => isSame(one, other)));
}

const isSame = (one: Subnet, other: Subnet) =>
  one.prefixLength === other.prefixLength && isSameAddress(one.address, other.address);

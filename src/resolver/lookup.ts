import { formatIpAddress, type IpAddress, parseIpAddress } from "../formats/ip-address.ts";
import type { NamedSandbox } from "../supervisor-protocol/names.ts";
import { fold, type NameIndex } from "./name-index.ts";

/** What is known here about a name: where it leads, what it is called, that it does not exist, or nothing. */
export type Found =
  | { kind: "addresses"; family: 4 | 6; addresses: readonly string[] }
  | { kind: "name"; name: string }
  /** It exists, without anything of the type asked for; or it is to be asked with a search domain. */
  | { kind: "nothing" }
  | { kind: "nonexistent" }
  | { kind: "elsewhere" };

/**
 * What a sandbox is answered about a name. Of a name that is known here nothing is asked elsewhere, and nothing of a name on one of
 * the sandbox's networks.
 * @param name without the closing dot
 * @param type "A", "AAAA", "PTR", …
 */
export function lookUp(index: NameIndex, sandbox: NamedSandbox, name: string, type: string): Found {
  const address = parseReverseName(name);
  if (address) return lookUpAddress(index, sandbox, address, type);
  const texts = findPlain(index, sandbox, name) ?? findQualified(index, sandbox, name);
  if (texts) {
    const family = type === "A" ? 4 : type === "AAAA" ? 6 : undefined;
    const addresses = texts.filter((text) => (text.includes(":") ? 6 : 4) === family);
    return family && addresses.length > 0 ? { kind: "addresses", family, addresses } : { kind: "nothing" };
  }
  if (isOnOwnNetwork(sandbox, name)) return { kind: "nonexistent" };
  const isPlainAddress = !name.includes(".") && (type === "A" || type === "AAAA");
  return sandbox.hasNdots && isPlainAddress ? { kind: "nothing" } : { kind: "elsewhere" };
}

/** A name as it is: the first of the sandbox's networks that has it answers. What only the sandbox itself knows comes first. */
function findPlain(index: NameIndex, { endpoints }: NamedSandbox, name: string): string[] | undefined {
  for (const { networkId, links } of endpoints) {
    const targets = links.filter(([alias]) => fold(alias) === fold(name)).map(([, target]) => target);
    const addresses = targets.flatMap((target) => index.findAddresses(networkId, target) ?? []);
    if (addresses.length > 0) return addresses;
  }
  for (const { networkId } of endpoints) {
    const addresses = index.findAddresses(networkId, name);
    if (addresses) return addresses;
  }
  return undefined;
}

/** "web.backend": the name and its network. Both may have dots. */
function findQualified(index: NameIndex, { endpoints }: NamedSandbox, name: string): string[] | undefined {
  for (const [plain, network] of splits(name)) {
    for (const endpoint of endpoints) {
      if (fold(endpoint.network) !== fold(network)) continue;
      const addresses = index.findAddresses(endpoint.networkId, plain);
      if (addresses) return addresses;
    }
  }
  return undefined;
}

/**
 * A network may be called like a domain of the internet: what could be a name of one label there stays here. What others call their
 * networks is none of the sandbox's business.
 */
function isOnOwnNetwork({ endpoints }: NamedSandbox, name: string): boolean {
  for (const [plain, network] of splits(name)) {
    const joined = endpoints.filter((endpoint) => fold(endpoint.network) === fold(network));
    if (joined.length > 0 && !plain.includes(".")) return true;
  }
  return false;
}

/** A name at each of its dots, the first one first. */
function* splits(name: string): Generator<[string, string]> {
  for (let dot = name.indexOf("."); dot > 0 && dot < name.length - 1; dot = name.indexOf(".", dot + 1))
    yield [name.slice(0, dot), name.slice(dot + 1)];
}

function lookUpAddress(
  index: NameIndex,
  { endpoints }: NamedSandbox,
  address: IpAddress,
  type: string,
): Found {
  for (const { networkId, network } of endpoints) {
    const name = index.findName(networkId, formatIpAddress(address));
    if (name === undefined) continue;
    return type === "PTR" ? { kind: "name", name: `${name}.${network}` } : { kind: "nothing" };
  }
  return { kind: "elsewhere" };
}

/** The address in "4.3.2.1.in-addr.arpa" or its longer sister in ip6.arpa, RFC 1035 3.5 and RFC 3596 2.5. */
function parseReverseName(name: string): IpAddress | undefined {
  if (!/\.arpa$/i.test(name)) return undefined;
  const labels = fold(name).split(".");
  const [zone] = labels.splice(-2);
  const parts = labels.toReversed();
  if (zone === "in-addr" && parts.length === 4) return parseIpAddress(parts.join("."));
  const isNibbles = zone === "ip6" && parts.length === 32 && parts.every((part) => /^[\da-f]$/.test(part));
  if (!isNibbles) return undefined;
  return parseIpAddress(parts.join("").replace(/.{4}(?=.)/g, "$&:"));
}

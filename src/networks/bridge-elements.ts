import {
  encodeIpAddress,
  firstAddress,
  formatIpAddress,
  formatSubnet,
  type IpAddress,
  lastAddress,
  type Subnet,
} from "../formats/ip-address.ts";
import type { SetElement, Verdict } from "../sys/nftables-message.ts";
import type { Bridge } from "./bridge.ts";
import type { GatewayMode } from "./bridge-options.ts";

/** A link by its name, an address, or all addresses of a subnet. */
type Part = string | IpAddress | Subnet;

/** An element of one of the table's sets or maps. */
interface BridgeElement {
  set: string;
  key: Part[];
  /** Of a map. */
  value?: IpAddress;
  /** Of a map of verdicts. */
  verdict?: Verdict;
}

const chainOf: Record<GatewayMode, string> = {
  nat: "into_nat",
  "nat-unprotected": "into_unprotected",
  routed: "into_routed",
  isolated: "inside",
};

/** All that the packet filter knows of a bridge. */
function elementsOf(bridge: Bridge, allowsDirectRouting: boolean): BridgeElement[] {
  const { link, homes, isInternal, letsContainersTalk, trustedInterfaces } = bridge;
  return [
    { set: "bridges", key: [link] },
    { set: "between", key: [link, link], verdict: letsContainersTalk ? "accept" : { goto: "linked_ports" } },
    ...homes.flatMap(({ subnet, gateway }): BridgeElement[] => {
      const end = subnet.address.family === 4 ? "" : "6";
      return [
        { set: `homes${end}`, key: [subnet, link] },
        ...(gateway ? [{ set: `gateways${end}`, key: [gateway] }] : []),
      ];
    }),
    ...(isInternal
      ? [{ set: "leaving", key: [link], verdict: { goto: "inside" } }]
      : ([4, 6] as const).flatMap((family) => waysOut(bridge, family))),
    ...([4, 6] as const).map((family) => ({
      set: family === 4 ? "into" : "into6",
      key: [link],
      verdict: { goto: isInternal ? "inside" : chainOf[bridge.modes[family]] },
    })),
    ...(isInternal ? [] : trustedInterfaces.map((from) => ({ set: "trusted", key: [from, link] }))),
    ...(allowsDirectRouting && !isInternal ? [{ set: "direct", key: [link] }] : []),
  ];
}

/** Under which address its packets leave this machine; under their own where nothing is said. */
function waysOut({ link, homes, masquerades, modes, sources }: Bridge, family: 4 | 6): BridgeElement[] {
  const isThere = homes.some(({ subnet }) => subnet.address.family === family);
  if (!isThere || !masquerades || modes[family] === "routed") return [];
  const end = family === 4 ? "" : "6";
  const source = sources[family];
  if (source) return [{ set: `sources${end}`, key: [link], value: source }];
  return [{ set: `masquerading${end}`, key: [link] }];
}

/** As lines of a script that adds them. */
export function formatBridge(table: string, bridge: Bridge, allowsDirectRouting: boolean): string {
  return elementsOf(bridge, allowsDirectRouting)
    .map(({ set, key, value, verdict }) => {
      const end = value ? ` : ${formatIpAddress(value)}` : verdict ? ` : ${formatVerdict(verdict)}` : "";
      return `add element ${table} ${set} { ${key.map(formatPart).join(" . ")}${end} }\n`;
    })
    .join("");
}

function formatPart(part: Part): string {
  if (typeof part === "string") return `"${part}"`;
  return "prefixLength" in part ? formatSubnet(part) : formatIpAddress(part);
}

const formatVerdict = (verdict: Verdict) => (typeof verdict === "string" ? verdict : `goto ${verdict.goto}`);

/** The same for the kernel. */
export function encodeBridge(
  verb: SetElement["verb"],
  bridge: Bridge,
  allowsDirectRouting: boolean,
): SetElement[] {
  return elementsOf(bridge, allowsDirectRouting).map(({ set, key, value, verdict }) => {
    const isRange = key.some((part) => typeof part === "object" && "prefixLength" in part);
    return {
      ...{ verb, set, key: encodeParts(key, firstAddress) },
      ...(isRange && { end: encodeParts(key, lastAddress) }),
      ...(verb === "add" && value && { value: encodeIpAddress(value) }),
      ...(verb === "add" && verdict && { verdict }),
    };
  });
}

const linkNameBytes = 16;

function encodeParts(parts: readonly Part[], edgeOf: (subnet: Subnet) => IpAddress): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === "string") return Buffer.concat([Buffer.from(part)], linkNameBytes);
      return encodeIpAddress("prefixLength" in part ? edgeOf(part) : part);
    }),
  );
}

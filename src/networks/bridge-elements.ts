import { formatIpAddress, formatSubnet, type IpAddress } from "../formats/ip-address.ts";
import type { Bridge } from "./bridge.ts";
import type { GatewayMode } from "./bridge-options.ts";

/** An element of one of the table's sets or maps, as nft writes it. */
export interface BridgeElement {
  set: string;
  key: string;
  /** Of a map. */
  value?: string;
}

const chainOf: Record<GatewayMode, string> = {
  nat: "into_nat",
  "nat-unprotected": "into_unprotected",
  routed: "into_routed",
  isolated: "inside",
};

/** All that the packet filter knows of a bridge. */
export function elementsOf(bridge: Bridge, allowsDirectRouting: boolean): BridgeElement[] {
  const { link, homes, isInternal, letsContainersTalk, trustedInterfaces } = bridge;
  const name = quote(link);
  return [
    { set: "bridges", key: name },
    { set: "between", key: `${name} . ${name}`, value: letsContainersTalk ? "accept" : "drop" },
    ...homes.flatMap(({ subnet, gateway }): BridgeElement[] => {
      const end = suffix(subnet.address);
      return [
        { set: `homes${end}`, key: `${formatSubnet(subnet)} . ${name}` },
        ...(gateway ? [{ set: `gateways${end}`, key: formatIpAddress(gateway) }] : []),
      ];
    }),
    ...(isInternal
      ? [{ set: "leaving", key: name, value: "goto inside" }]
      : ([4, 6] as const).flatMap((family) => waysOut(bridge, family))),
    ...([4, 6] as const).map((family) => ({
      set: family === 4 ? "into" : "into6",
      key: name,
      value: `goto ${isInternal ? "inside" : chainOf[bridge.modes[family]]}`,
    })),
    ...(isInternal
      ? []
      : trustedInterfaces.map((from) => ({ set: "trusted", key: `${quote(from)} . ${name}` }))),
    ...(allowsDirectRouting && !isInternal ? [{ set: "direct", key: name }] : []),
  ];
}

/** Under which address its packets leave this machine; under their own where nothing is said. */
function waysOut({ link, homes, masquerades, modes, sources }: Bridge, family: 4 | 6): BridgeElement[] {
  const isThere = homes.some(({ subnet }) => subnet.address.family === family);
  if (!isThere || !masquerades || modes[family] === "routed") return [];
  const end = family === 4 ? "" : "6";
  const source = sources[family];
  if (source) return [{ set: `sources${end}`, key: quote(link), value: formatIpAddress(source) }];
  return [{ set: `masquerading${end}`, key: quote(link) }];
}

const quote = (link: string) => `"${link}"`;
const suffix = ({ family }: IpAddress) => (family === 4 ? "" : "6");

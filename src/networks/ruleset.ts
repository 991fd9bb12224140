import type { Bridge } from "./bridge.ts";
import { formatBridge } from "./bridge-elements.ts";

/** Published ports, looked up once per connection, however many there are; by the name of their map. */
export const publishedMaps = {
  published: "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service",
  published_any: "inet_proto . inet_service : ipv4_addr . inet_service",
  published6: "ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service",
  published6_any: "inet_proto . inet_service : ipv6_addr . inet_service",
};

/**
 * The containers' own addresses and ports that other hosts may reach, where their network lets them, or containers that are linked to
 * them; by the name of their set.
 */
export const openedSets = {
  opened: "ipv4_addr . inet_proto . inet_service",
  opened6: "ipv6_addr . inet_proto . inet_service",
  linked: "ipv4_addr . ipv4_addr . inet_proto . inet_service",
};

/** Who has tried lately to reach a published port at a container's own address, and may not: a few are kept. By the name of their set. */
export const refusedSets = {
  refused: "ipv4_addr . ipv4_addr . inet_service",
  refused6: "ipv6_addr . ipv6_addr . inet_service",
};
const refusedFlags = "flags dynamic, timeout; size 32; timeout 1h;";

/** What is known of the bridges: a few elements each, so that no packet walks through rules of other networks. */
const bridgeSets = {
  bridges: "set type ifname;",
  gateways: "set type ipv4_addr;",
  gateways6: "set type ipv6_addr;",
  homes: "set type ipv4_addr . ifname; flags interval;",
  homes6: "set type ipv6_addr . ifname; flags interval;",
  masquerading: "set type ifname;",
  masquerading6: "set type ifname;",
  sources: "map type ifname : ipv4_addr;",
  sources6: "map type ifname : ipv6_addr;",
  between: "map type ifname . ifname : verdict;",
  leaving: "map type ifname : verdict;",
  into: "map type ifname : verdict;",
  into6: "map type ifname : verdict;",
  trusted: "set type ifname . ifname;",
  direct: "set type ifname;",
};

/** A bridge with a port published on loopback routes 127.0.0.0/8, which is for this machine alone. */
export const loopbackGuard = {
  hook: "type filter hook prerouting priority raw; policy accept;",
  rules: ['iifname != "lo" ip daddr 127.0.0.0/8 drop', 'iifname != "lo" ip saddr 127.0.0.0/8 drop'],
};

const port = "meta l4proto . th dport";
const known = "ct state established,related accept";

const noteRefusal = (family: "ip" | "ip6", end: "" | "6") =>
  `iifname != @bridges ${family} daddr . ${port} @opened${end} ` +
  `update @refused${end} { ${family} saddr . ${family} daddr . th dport }`;

/** Each with its hook, "" for none, and its rules. */
const chains: Record<string, { hook: string; rules: string[] }> = {
  published_ports: {
    hook: "",
    rules: [
      `dnat ip to ip daddr . ${port} map @published`,
      `meta nfproto ipv4 dnat ip to ${port} map @published_any`,
      // A neighbour on the same link reaches the container itself.
      "ip6 saddr fe80::/10 return",
      // Nothing leaves a machine under this address: the relay listens there.
      "ip6 daddr ::1 return",
      `dnat ip6 to ip6 daddr . ${port} map @published6`,
      `meta nfproto ipv6 dnat ip6 to ${port} map @published6_any`,
    ],
  },
  opened_ports: {
    hook: "",
    rules: [`ip daddr . ${port} @opened accept`, `ip6 daddr . ${port} @opened6 accept`, "drop"],
  },
  linked_ports: { hook: "", rules: [`ip saddr . ip daddr . ${port} @linked accept`, "drop"] },
  into_nat: {
    hook: "",
    rules: [
      known,
      "ct status dnat accept",
      "iifname . oifname vmap @between",
      "iifname . oifname @trusted goto opened_ports",
      "iifname != @bridges oifname @direct goto opened_ports",
      noteRefusal("ip", ""),
      noteRefusal("ip6", "6"),
      "drop",
    ],
  },
  into_unprotected: {
    hook: "",
    rules: [
      known,
      "ct status dnat accept",
      "iifname . oifname vmap @between",
      "iifname @bridges drop",
      "accept",
    ],
  },
  into_routed: {
    hook: "",
    rules: [
      known,
      // ICMP and ICMPv6. Their names are in /etc/protocols, which a small machine has not.
      "meta l4proto { 1, 58 } accept",
      "iifname . oifname vmap @between",
      "goto opened_ports",
    ],
  },
  inside: { hook: "", rules: ["iifname . oifname vmap @between", "drop"] },
  loopback_guard: loopbackGuard,
  prerouting: {
    hook: "type nat hook prerouting priority dstnat; policy accept;",
    rules: ["fib daddr type local jump published_ports"],
  },
  output: {
    hook: "type nat hook output priority -100; policy accept;",
    rules: ["fib daddr type local jump published_ports"],
  },
  postrouting: {
    hook: "type nat hook postrouting priority srcnat; policy accept;",
    rules: [
      // A container that reaches its neighbour, or itself, by a published port must see the answer come from there.
      "ip saddr . oifname @homes ct status dnat masquerade",
      "ip saddr . oifname @homes accept",
      "ip6 saddr . oifname @homes6 ct status dnat masquerade",
      "ip6 saddr . oifname @homes6 accept",
      "ip saddr 127.0.0.0/8 oifname @bridges ct status dnat masquerade",
      "meta nfproto ipv4 snat ip to iifname map @sources",
      "meta nfproto ipv6 snat ip6 to iifname map @sources6",
      "meta nfproto ipv4 iifname @masquerading masquerade",
      "meta nfproto ipv6 iifname @masquerading6 masquerade",
      "ip saddr @gateways oifname != @bridges masquerade",
      "ip6 saddr @gateways6 oifname != @bridges masquerade",
    ],
  },
  forward: {
    hook: "type filter hook forward priority filter; policy accept;",
    rules: [
      "jump administrator",
      "iifname vmap @leaving",
      "meta nfproto ipv4 oifname vmap @into",
      "meta nfproto ipv6 oifname vmap @into6",
      // Those maps know every bridge, unless another program has emptied them.
      "oifname @bridges drop",
      "iifname @bridges accept",
    ],
  },
};

/** What the administrator of the machine puts there is not ours: neither flushed nor compared. */
export const administratorChain = "administrator";
export const isAdministrators = (name: string) => name.startsWith(administratorChain);

/** Everything of ours in the table, by its kind. */
export const ownObjects = {
  chain: [...Object.keys(chains), administratorChain],
  set: [...Object.keys(openedSets), ...Object.keys(refusedSets), ...namesOf("set")],
  map: [...Object.keys(publishedMaps), ...namesOf("map")],
};

function namesOf(kind: string): string[] {
  return Object.entries(bridgeSets).flatMap(([name, made]) => (made.startsWith(kind) ? name : []));
}

/** Makes the table's chains, sets and rules what they must be; the published ports stay. A script of nft(8). */
export function formatTable(table: string, bridges: readonly Bridge[], allowsDirectRouting: boolean): string {
  const entries = Object.entries(chains);
  return lines([
    `add table ${table}`,
    ...Object.entries(publishedMaps).map(([name, type]) => `add map ${table} ${name} { type ${type}; }`),
    ...Object.entries(openedSets).map(([name, type]) => `add set ${table} ${name} { type ${type}; }`),
    ...Object.entries(refusedSets).map(
      ([name, type]) => `add set ${table} ${name} { type ${type}; ${refusedFlags} }`,
    ),
    `add chain ${table} ${administratorChain}`,
    ...entries.map(([name, { hook }]) => `add chain ${table} ${name}${hook && ` { ${hook} }`}`),
    ...Object.entries(bridgeSets).map(([name, made]) => {
      const [kind, ...type] = made.split(" ");
      return `add ${kind} ${table} ${name} { ${type.join(" ")} }`;
    }),
    ...entries.map(([name]) => `flush chain ${table} ${name}`),
    ...Object.entries(bridgeSets).map(([name, made]) => `flush ${made.split(" ")[0]} ${table} ${name}`),
    ...entries.flatMap(([name, { rules }]) => rules.map((rule) => `add rule ${table} ${name} ${rule}`)),
    ...bridges.map((bridge) => formatBridge(table, bridge, allowsDirectRouting)),
  ]);
}

/** Empties the maps and sets of published ports. */
export function formatPortFlush(table: string): string {
  return lines([
    ...Object.keys(publishedMaps).map((name) => `flush map ${table} ${name}`),
    ...Object.keys(openedSets).map((name) => `flush set ${table} ${name}`),
  ]);
}

export function formatRemoval(table: string): string {
  return lines([`add table ${table}`, `delete table ${table}`]);
}

const lines = (list: string[]) => list.map((line) => `${line.replace(/\n$/, "")}\n`).join("");

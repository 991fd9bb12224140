import { formatIpv4 } from "../formats/ip-address.ts";
import { listNftMap, runNft } from "../sys/nftables.ts";
import type { MapElement } from "../sys/nftables-message.ts";
import type { Kernel } from "./kernel.ts";
import type { Publication } from "./port-map.ts";
import type { BridgeRecord } from "./records.ts";

/**
 * The engine's one nftables table. Published ports are elements of two maps that are looked up once per connection,
 * so that a thousand cost what one costs; rules there are only per bridge.
 */
export interface Firewall {
  /** Makes the table, or brings an existing one's rules into this state in one step; published ports stay. */
  install(bridges: BridgeRecord[]): Promise<void>;
  add(publications: Publication[]): Promise<void>;
  remove(publications: Publication[]): Promise<void>;
  /** Makes the published ports exactly these, in one step. */
  replace(publications: Publication[]): Promise<void>;
  /** How what is in the table differs from these, in words; nothing when it is the same. */
  compare(publications: Publication[]): Promise<string[]>;
  destroy(): Promise<void>;
}

const mapTypes = {
  published: "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service",
  published_any: "inet_proto . inet_service : ipv4_addr . inet_service",
};

export function createFirewall(tableName: string, kernel: Kernel): Firewall {
  const table = `inet ${tableName}`;
  let last: Promise<unknown> = Promise.resolve();

  /** One change after the other, so that none is made from a view that another makes out of date. */
  function inTurn(change: () => Promise<unknown>): Promise<void> {
    const done = last.then(change);
    last = done.catch(() => {});
    return done.then(() => {});
  }
  const run = (script: string) => inTurn(() => runNft(script));

  async function change(
    publications: Publication[],
    encode: (publication: Publication) => MapElement,
  ): Promise<void> {
    await kernel.changeElements({ table: tableName, elements: publications.map(encode) });
    const udp = publications.filter(({ protocol }) => protocol === "udp");
    if (udp.length > 0) await kernel.forgetUdpFlows(udp.map(({ hostPort }) => hostPort));
  }

  return {
    async install(bridges) {
      const script = formatTable(table, bridges);
      try {
        await run(script);
      } catch {
        // A table of an older make can have chains or maps of another type.
        await run(`add table ${table}\ndelete table ${table}\n${script}`);
      }
    },
    add: (publications) => inTurn(() => change(publications, encodeAddition)),
    remove: (publications) => inTurn(() => change(publications, encodeRemoval)),
    replace: (publications) =>
      run(
        [
          ...Object.keys(mapTypes).map((map) => `flush map ${table} ${map}`),
          ...publications.map((publication) => formatAddition(table, publication)),
          "",
        ].join("\n"),
      ),
    async compare(publications) {
      const wanted = new Set(publications.map((publication) => formatElement(publication).text));
      const lists = await Promise.all(Object.keys(mapTypes).map((map) => listNftMap(table, map)));
      const found = new Set(lists.flat());
      return [
        ...[...wanted].filter((text) => !found.has(text)).map((text) => `${text} is missing`),
        ...[...found].filter((text) => !wanted.has(text)).map((text) => `${text} belongs to no container`),
      ];
    },
    destroy: () => run(`add table ${table}\ndelete table ${table}\n`),
  };
}

const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 };

/** Addresses and ports in network order, each in a word of its own, as nft lays out a concatenation. */
function words(...values: { address?: number; byte?: number; port?: number }[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, { address, byte, port }] of values.entries()) {
    if (address !== undefined) bytes.writeUInt32BE(address, 4 * index);
    if (byte !== undefined) bytes.writeUInt8(byte, 4 * index);
    if (port !== undefined) bytes.writeUInt16BE(port, 4 * index);
  }
  return bytes;
}

function encodeRemoval({ hostAddress, protocol, hostPort }: Publication): MapElement {
  const local = [{ byte: protocolNumbers[protocol] }, { port: hostPort }];
  return hostAddress === 0
    ? { map: "published_any", key: words(...local) }
    : { map: "published", key: words({ address: hostAddress }, ...local) };
}

function encodeAddition(publication: Publication): MapElement {
  const { containerAddress, containerPort } = publication;
  const value = words({ address: containerAddress }, { port: containerPort });
  return { ...encodeRemoval(publication), value };
}

function formatElement(publication: Publication): { map: keyof typeof mapTypes; text: string } {
  const { protocol, hostAddress, hostPort, containerAddress, containerPort } = publication;
  const key = `${hostAddress === 0 ? "" : `${formatIpv4(hostAddress)} . `}${protocol} . ${hostPort}`;
  return {
    map: hostAddress === 0 ? "published_any" : "published",
    text: `${key} : ${formatIpv4(containerAddress)} . ${containerPort}`,
  };
}

function formatAddition(table: string, publication: Publication): string {
  const { map, text } = formatElement(publication);
  return `add element ${table} ${map} { ${text} }`;
}

const chains = {
  published_ports: "",
  loopback_guard: "type filter hook prerouting priority raw;",
  prerouting: "type nat hook prerouting priority dstnat;",
  output: "type nat hook output priority -100;",
  postrouting: "type nat hook postrouting priority srcnat;",
  forward: "type filter hook forward priority filter;",
};

function formatTable(table: string, bridges: BridgeRecord[]): string {
  const rules: Record<keyof typeof chains, string[]> = {
    published_ports: [
      "dnat ip to ip daddr . meta l4proto . th dport map @published",
      "meta nfproto ipv4 dnat ip to meta l4proto . th dport map @published_any",
    ],
    // The bridges route 127.0.0.0/8, for published ports on this machine's loopback; nobody else may use that.
    loopback_guard: ['iifname != "lo" ip daddr 127.0.0.0/8 drop'],
    prerouting: ["fib daddr type local jump published_ports"],
    output: ["fib daddr type local jump published_ports"],
    postrouting: bridges.flatMap(({ link, subnet }) => [
      `ip saddr ${subnet} oifname != "${link}" masquerade`,
      // A container that reaches its neighbour, or itself, by a published port must see the answer come from there.
      `ip saddr { ${subnet}, 127.0.0.0/8 } oifname "${link}" ct status dnat masquerade`,
    ]),
    forward: [
      ...bridges.flatMap(({ link }) => [
        `oifname "${link}" ct state established,related accept`,
        `oifname "${link}" iifname "${link}" accept`,
        `oifname "${link}" ct status dnat accept`,
        `oifname "${link}" drop`,
      ]),
      ...bridges.map(({ link }) => `iifname "${link}" accept`),
    ],
  };
  return [
    `add table ${table}`,
    ...Object.entries(mapTypes).map(([name, type]) => `add map ${table} ${name} { type ${type}; }`),
    ...Object.entries(chains).map(
      ([name, hook]) => `add chain ${table} ${name}${hook ? ` { ${hook} }` : ""}`,
    ),
    ...Object.keys(chains).map((name) => `flush chain ${table} ${name}`),
    ...Object.entries(rules).flatMap(([name, lines]) =>
      lines.map((line) => `add rule ${table} ${name} ${line}`),
    ),
    "",
  ].join("\n");
}

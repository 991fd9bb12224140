import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { invalid } from "../errors.ts";
import type { IdPair } from "../formats/id-mapping.ts";
import type { LaunchMount } from "./launch-mount.ts";
import { formatResolvConf, type ResolvConfInput } from "./resolv-conf.ts";

/** Paths of the files that are mounted over a root file system's own. */
export interface EtcFiles {
  hostname: string;
  hosts: string;
  resolvConf: string;
}

/** What they say. */
export interface EtcInput {
  hostname: string;
  /** "" for none. */
  domainname: string;
  /** Shares the host's network, and so its names and name servers. */
  usesHostNetwork: boolean;
  /** Its own, for its own name. */
  addresses: string[];
  /** `--add-host`: "name:address", where the address host-gateway stands for this host. */
  extraHosts: string[];
  /** Lines for other containers. */
  others: string[];
  /** This host's addresses as they are seen from there. */
  hostGateways: string[];
  /** It has not switched IPv6 off. */
  hasIpv6: boolean;
  resolvConf: ResolvConfInput;
}

/** @param owner whose they are; root's without. @throws EngineError invalid */
export function writeEtcFiles(files: EtcFiles, input: EtcInput, owner?: IdPair): void {
  for (const path of Object.values(files)) mkdirSync(dirname(path), { recursive: true });
  writeFileSync(files.hostname, `${input.hostname}\n`, { mode: 0o644 });
  writeFileSync(files.hosts, formatHosts(input), { mode: 0o644 });
  writeFileSync(files.resolvConf, formatResolvConf(input.resolvConf), { mode: 0o644 });
  if (owner) for (const path of Object.values(files)) chownSync(path, owner.uid, owner.gid);
}

/** @param flags beyond those of every such mount */
export function etcMounts(files: EtcFiles, flags: readonly string[], isOwn: boolean): LaunchMount[] {
  const options = ["rbind", "rprivate", ...flags];
  const bind = (destination: string, source: string): LaunchMount => {
    return { destination, source, type: "bind", options, isOwn };
  };
  return [
    bind("/etc/resolv.conf", files.resolvConf),
    bind("/etc/hostname", files.hostname),
    bind("/etc/hosts", files.hosts),
  ];
}

/** The line of /etc/hosts by which a container finds its own name. */
export function formatOwnName(
  address: string,
  { hostname, domainname }: Pick<EtcInput, "hostname" | "domainname">,
): string {
  const full = domainname ? `${hostname}.${domainname}` : hostname;
  const [short = ""] = full.split(".");
  return `${address}\t${full === short ? full : `${full} ${short}`}`;
}

function formatHosts(input: EtcInput): string {
  const { extraHosts } = input;
  if (input.usesHostNetwork && extraHosts.length === 0) return readFileSync("/etc/hosts", "utf8");
  const lines = [
    "127.0.0.1\tlocalhost",
    ...(input.hasIpv6 ? ipv6Lines : []),
    ...extraHosts.flatMap((entry) => formatExtraHost(entry, input.hostGateways)),
    ...input.others,
    ...input.addresses.map((address) => formatOwnName(address, input)),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

const ipv6Lines = [
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

function formatExtraHost(entry: string, gateways: readonly string[]): string[] {
  const [, name, address] = /^([^:=]+)[:=](.+)$/.exec(entry) ?? [];
  if (!name || !address) throw invalid(`bad format for add-host: "${entry}"`);
  const addresses = address === "host-gateway" ? gateways : [address.replace(/^\[(.*)\]$/, "$1")];
  return addresses.map((one) => `${one}\t${name}`);
}

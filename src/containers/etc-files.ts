import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { invalid } from "../errors.ts";
import type { EndpointSettings } from "../formats/docker-api.ts";
import type { OciMount } from "../runtime/oci-spec.ts";
import type { Container } from "./container.ts";
import { type Containers, folderOf, getContainer } from "./containers.ts";

/** Paths of the files that are made for each container. */
export function etcFilesOf(containers: Containers, id: string) {
  const folder = folderOf(containers, id);
  return {
    hostname: join(folder, "hostname"),
    hosts: join(folder, "hosts"),
    resolvConf: join(folder, "resolv.conf"),
  };
}

/**
 * Writes /etc/hostname, /etc/hosts and /etc/resolv.conf of a container and gives their mounts.
 * A container that shares another's network namespace sees that one's files.
 */
export function writeEtcFiles(
  containers: Containers,
  container: Container,
  hostname: string,
  endpoints: Record<string, EndpointSettings>,
): OciMount[] {
  const { id, hostConfig } = container.record;
  const shared = hostConfig.NetworkMode.startsWith("container:");
  const owner = shared ? containerOf(containers, hostConfig.NetworkMode).record.id : id;
  const files = etcFilesOf(containers, owner);
  if (!shared) {
    mkdirSync(folderOf(containers, id), { recursive: true });
    writeFileSync(files.hostname, `${hostname}\n`, { mode: 0o644 });
    writeFileSync(files.hosts, formatHosts(container, hostname, endpoints), { mode: 0o644 });
    writeFileSync(files.resolvConf, formatResolvConf(container), { mode: 0o644 });
  }
  const bind = (destination: string, source: string): OciMount => {
    return { destination, source, type: "bind", options: ["rbind", "rprivate"] };
  };
  return [
    bind("/etc/resolv.conf", files.resolvConf),
    bind("/etc/hostname", files.hostname),
    bind("/etc/hosts", files.hosts),
  ];
}

/** @throws EngineError notFound */
function containerOf(containers: Containers, mode: string): Container {
  return getContainer(containers, mode.slice("container:".length));
}

function formatHosts(
  container: Container,
  hostname: string,
  endpoints: Record<string, EndpointSettings>,
): string {
  const { hostConfig, config } = container.record;
  if (hostConfig.NetworkMode === "host")
    return readFileSync("/etc/hosts", "utf8") + extraHosts(hostConfig.ExtraHosts, endpoints);
  const names = config.Domainname ? `${hostname}.${config.Domainname} ${hostname}` : hostname;
  const own = Object.values(endpoints).flatMap(({ IPAddress }) =>
    IPAddress ? [`${IPAddress}\t${names}`] : [],
  );
  const lines = [
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::\tip6-localnet",
    "ff00::\tip6-mcastprefix",
    "ff02::1\tip6-allnodes",
    "ff02::2\tip6-allrouters",
  ];
  return `${lines.join("\n")}\n${extraHosts(hostConfig.ExtraHosts, endpoints)}${own.map((line) => `${line}\n`).join("")}`;
}

/** `--add-host name:address`, where the address host-gateway stands for this host. */
function extraHosts(entries: string[] | null, endpoints: Record<string, EndpointSettings>): string {
  const gateway = Object.values(endpoints).find(({ Gateway }) => Gateway)?.Gateway ?? "127.0.0.1";
  const lines = (entries ?? []).map((entry) => {
    const [, name, address] = /^([^:=]+)[:=](.+)$/.exec(entry) ?? [];
    if (!name || !address) throw invalid(`bad format for add-host: "${entry}"`);
    return `${address === "host-gateway" ? gateway : address.replace(/^\[(.*)\]$/, "$1")}\t${name}\n`;
  });
  return lines.join("");
}

const publicResolvers = ["nameserver 8.8.8.8", "nameserver 8.8.4.4"];

/** The host's resolv.conf less name servers on its loopback, which a container of its own network cannot reach. */
function formatResolvConf(container: Container): string {
  const { Dns, DnsSearch, DnsOptions, NetworkMode } = container.record.hostConfig;
  const host = readResolvConf();
  const reachable = (line: string) => NetworkMode === "host" || !/^nameserver\s+(127\.|::1)/.test(line);
  const inherited = host.filter((line) => line.startsWith("nameserver")).filter(reachable);
  const servers = Dns?.length ? Dns.map((server) => `nameserver ${server}`) : inherited;
  const search = DnsSearch?.length
    ? DnsSearch.filter((name) => name !== ".")
    : host.filter((line) => line.startsWith("search")).flatMap((line) => line.split(/\s+/).slice(1));
  const options = DnsOptions?.length
    ? DnsOptions
    : host.filter((line) => line.startsWith("options")).flatMap((line) => line.split(/\s+/).slice(1));
  const lines = [
    ...(servers.length > 0 || NetworkMode === "none" ? servers : publicResolvers),
    ...(search.length > 0 ? [`search ${search.join(" ")}`] : []),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function readResolvConf(): string[] {
  try {
    return readFileSync("/etc/resolv.conf", "utf8")
      .split("\n")
      .map((line) => line.trim());
  } catch {
    return [];
  }
}

import { readFileSync } from "node:fs";

/** What is said about names for one container; what is empty is the host's. */
export interface DnsSettings {
  servers: string[];
  /** "." alone: none. */
  search: string[];
  options: string[];
}

export interface ResolvConfInput {
  dns: DnsSettings;
  /**
   * Who answers: the host's own servers, which can be reached as they are ("host"); the engine's resolver ("resolver"); the servers
   * that can be reached from a network namespace of its own ("outside"); or none, where there is no network ("none").
   */
  asks: "host" | "resolver" | "outside" | "none";
  hasIpv6: boolean;
}

const directives = ["nameserver", "search", "domain", "options"];
const hostFile = "/etc/resolv.conf";
/** Where systemd-resolved says which servers its stub stands for. */
const behindStubFile = "/run/systemd/resolve/resolv.conf";
const stub = "127.0.0.53";
const resolver = "127.0.0.11";
const publicServers = ["8.8.8.8", "8.8.4.4"];
const publicServers6 = ["2001:4860:4860::8888", "2001:4860:4860::8844"];

/**
 * A container's /etc/resolv.conf, in Docker's words where programs read them.
 * @param path of the host's, for tests
 */
export function formatResolvConf({ dns, asks, hasIpv6 }: ResolvConfInput, path = hostFile): string {
  const host = readHostFile(asks, path);
  const given = dns.servers.length > 0;
  const search = dns.search.length > 0 ? dns.search.filter((name) => name !== ".") : host.search;
  const options = dns.options.length > 0 ? dns.options : host.options;
  const reachable = given ? dns.servers : findReachable(host.servers, hasIpv6);
  const servers = {
    host: given ? dns.servers : host.servers,
    resolver: [resolver],
    outside: reachable.length > 0 ? reachable : [...publicServers, ...(hasIpv6 ? publicServers6 : [])],
    none: reachable,
  }[asks];
  const allOptions = asks === "resolver" && !setsNdots(options) ? [...options, "ndots:0"] : options;
  return [
    "# Made by berth at each start of the container.",
    ...servers.map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(" ")}`] : []),
    ...(allOptions.length > 0 ? [`options ${allOptions.join(" ")}`] : []),
    ...host.others,
    ...(asks === "resolver" ? describeResolver(dns, host) : []),
    "",
  ].join("\n");
}

/** Docker's notes on where names are asked. */
function describeResolver({ servers, search, options }: DnsSettings, host: HostFile): string[] {
  const external = servers.length > 0 ? servers : host.servers.map((server) => `host(${server})`);
  const overrides = Object.entries({ nameservers: servers, search, options })
    .filter(([, values]) => values.length > 0)
    .map(([name]) => name);
  const ndots = setsNdots(options)
    ? "override"
    : options.length === 0 && setsNdots(host.options)
      ? "host"
      : "internal";
  return [
    "",
    `# Based on host file: '${hostFile}' (internal resolver)`,
    external.length > 0 ? `# ExtServers: [${external.join(" ")}]` : "# NO EXTERNAL NAMESERVERS DEFINED",
    `# Overrides: [${overrides.join(" ")}]`,
    `# Option ndots from: ${ndots}`,
  ];
}

/** Whether the container's options, or the host's for it, say how many dots a name has that is asked for as it is. */
export function hasNdots(options: readonly string[]): boolean {
  return setsNdots(options.length > 0 ? options : readFile(hostFile).options);
}

const setsNdots = (options: readonly string[]) => options.some((option) => option.startsWith("ndots:"));

/** The host's loopback is not that of a network namespace of its own. */
function findReachable(servers: readonly string[], hasIpv6: boolean): string[] {
  const isLoopback = (address: string) => address.startsWith("127.") || address === "::1";
  return servers.filter((address) => !isLoopback(address) && (hasIpv6 || !address.includes(":")));
}

interface HostFile {
  servers: string[];
  search: string[];
  options: string[];
  /** Lines that say anything else. */
  others: string[];
}

/** The stub of systemd-resolved can be asked from the host alone. */
function readHostFile(asks: ResolvConfInput["asks"], path: string): HostFile {
  const host = readFile(path);
  const isStub = host.servers.length === 1 && host.servers[0] === stub;
  return isStub && (asks === "outside" || asks === "none") ? readFile(behindStubFile) : host;
}

function readFile(path: string): HostFile {
  const lines = readLines(path).flatMap((line) => {
    const [word = "", ...values] = line.trim().split(/\s+/);
    return word === "" || /^[#;]/.test(word) ? [] : { line, word, values };
  });
  const named = (...words: string[]) =>
    lines.filter(({ word, values }) => words.includes(word) && values.length > 0).map(({ values }) => values);
  return {
    servers: named("nameserver").flatMap(([address]) => address ?? []),
    // An older name for a list of one. Of all only the last counts.
    search: named("search", "domain").at(-1) ?? [],
    options: named("options").flat(),
    others: lines.filter(({ word }) => !directives.includes(word)).map(({ line }) => line),
  };
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return [];
  }
}

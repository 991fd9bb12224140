import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import type { EngineConfig } from "../engine/config.ts";
import { invalid, messageOf } from "../errors.ts";
import { formatColumns } from "../formats/table.ts";
import type { UiAddress } from "../ui/listen.ts";
import { readBuilderKeys, readBuilderSettings } from "./builder-flags.ts";
import { containerTable, readCgroups, readContainerDefaults, readContainerKeys } from "./container-flags.ts";
import { deviceTable, readCdiDirectories, readDeviceKeys } from "./device-flags.ts";
import { dnsTable, readDnsSettings } from "./dns-flags.ts";
import { garbageTable, readGarbagePolicy } from "./garbage-flags.ts";
import { parseMetricsFlag } from "./metrics.ts";
import { networkTable, readNetworkKeys, readNetworksConfig } from "./network-flags.ts";
import { readRegistryKeys, readRegistrySettings, registryTable } from "./registry-flags.ts";
import { parseUiFlag } from "./ui-flag.ts";

export type Host = { text: string } & (
  | { kind: "unix"; path: string }
  | { kind: "tcp"; address: string; port: number }
  /** Handed over by systemd, all that there are; -1 until each is known. */
  | { kind: "fd"; fd: number }
);

export interface DaemonFlags {
  help: boolean;
  /** Only to be checked. */
  validate: boolean;
  engine: Partial<EngineConfig>;
  hosts: Host[];
  tls: boolean;
  tlsVerify: boolean;
  tlsCaCert: string;
  tlsCert: string;
  tlsKey: string;
  /** Where the web page is served. */
  ui: UiAddress | undefined;
  /** Where Prometheus finds what the engine counts. */
  metrics: UiAddress | undefined;
}

const certificates = process.env.DOCKER_CERT_PATH ?? join(homedir(), ".docker");

/** Flag, kind, default for the help, what it does. Keys of daemon.json are the same words. */
const table = [
  ["add-runtime", "list", "", "Register a further OCI runtime as NAME=PATH"],
  ["bridge", "string", "berth0", "Name of the default bridge"],
  [
    "cgroup-parent",
    "string",
    "",
    'Parent of the containers\' cgroups (default "/berth", one of its own with another data root, or "system.slice" by systemd)',
  ],
  ["config-file", "string", "/etc/berth/daemon.json", "Configuration file"],
  ["data-root", "string", "/var/lib/berth", "Where images, containers and volumes are kept"],
  ["debug", "boolean", "", "Log at level debug"],
  ["default-runtime", "string", "crun", "OCI runtime for containers that ask for none"],
  ["exec-root", "string", "/run/berth", "Where run-time files are kept"],
  ["help", "boolean", "", "Print usage"],
  [
    "host",
    "list",
    "unix:///run/berth/berth.sock",
    "Socket to listen on: unix://PATH, tcp://ADDRESS:PORT or fd:// (systemd's)",
  ],
  ["label", "list", "", "Label of this daemon, which info shows"],
  ["log-level", "string", "info", "debug, info, warn, error or fatal"],
  ["metrics-addr", "string", "", "Serve the engine's metrics to Prometheus on this address: 127.0.0.1:9323"],
  ["nft-table", "string", "berth", "Name of the nftables table"],
  ["ui", "string", "", "Serve the web page on this address of this machine: 127.0.0.1:9000"],
  [
    "userns-remap",
    "string",
    "",
    'Run containers with the subordinate ids of this USER or USER:GROUP; "default" for those of dockremap',
  ],
  ["validate", "boolean", "", "Check the configuration, say whether it is good, and end"],
  ...containerTable,
  ...deviceTable,
  ...dnsTable,
  ...garbageTable,
  ...networkTable,
  ...registryTable,
  ["tls", "boolean", "", "Use TLS; implied by --tlsverify"],
  ["tlscacert", "string", join(certificates, "ca.pem"), "Trust only clients with a certificate of this CA"],
  ["tlscert", "string", join(certificates, "cert.pem"), "TLS certificate"],
  ["tlskey", "string", join(certificates, "key.pem"), "TLS key"],
  ["tlsverify", "boolean", "", "Use TLS and verify the client"],
] as const;

const shorts: Record<string, string> = { debug: "D", host: "H", "log-level": "l", bridge: "b" };

export const helpText = `Usage:  berth daemon [OPTIONS]

Run the engine in the foreground

Options:
${formatColumns(optionLines())}
`;

function optionLines(): string {
  const sorted = [...table].sort(([name], [other]) => (name < other ? -1 : 1));
  const lines = sorted.map(([name, kind, fallback, text]) => {
    const short = shorts[name] ? `-${shorts[name]}, ` : "    ";
    const value = kind === "boolean" ? "" : ` ${kind}`;
    return `  ${short}--${name}${value}\t${text}${fallback ? ` (default "${fallback}")` : ""}`;
  });
  return lines.join("\n");
}

/** Reads the command line, then the configuration file for what it left open. @throws EngineError invalid */
export function parseDaemonFlags(words: string[]): DaemonFlags {
  const given = parseWords(words);
  const path = given["config-file"]?.[0] ?? "/etc/berth/daemon.json";
  const file = readConfigFile(path, "config-file" in given);
  const list = (name: string) => given[name] ?? file[name] ?? [];
  const text = (name: string) => list(name).at(-1);
  const flag = (name: string) => text(name) === "true";
  const runtimes = Object.fromEntries(list("add-runtime").map(parseRuntime));
  const debug = flag("debug");
  const engine: Partial<EngineConfig> = {
    debug,
    logLevel: text("log-level") ?? (debug ? "debug" : "info"),
    runtimes,
    labels: [...list("label"), ...list("labels")],
    registries: readRegistrySettings({ list, text }, process.env),
    imageGarbage: readGarbagePolicy(text),
    builder: readBuilderSettings(file.builder?.at(-1)),
    dns: readDnsSettings(list),
    containerDefaults: readContainerDefaults({ list, text }),
    hasDefaultBridgeNames: flag("default-bridge-names"),
    ...optional("cdiSpecDirs", readCdiDirectories(list)),
    ...optional("root", text("data-root")),
    ...optional("execRoot", text("exec-root")),
    ...optional("bridgeName", text("bridge")),
    networks: readNetworksConfig({ list, text }),
    ...readCgroups({ list, text }),
    ...optional("tableName", text("nft-table")),
    ...optional("defaultRuntime", text("default-runtime")),
    ...optional("usernsRemap", text("userns-remap")),
  };
  const execRoot = engine.execRoot ?? unitExecRoot;
  if (execRoot === unitExecRoot)
    Object.assign(engine, optional("supervisorUnit", process.env.BERTH_SUPERVISOR_UNIT));
  const hosts = list("host").length > 0 ? list("host") : [`unix://${execRoot}/berth.sock`];
  const tls = flag("tls") || flag("tlsverify");
  const isPlainWanted = text("tls") === "false" || text("tlsverify") === "false";
  if (!tls && !isPlainWanted) for (const host of hosts.map(parseHost)) refuseOpenHost(host);
  return {
    help: flag("help"),
    validate: flag("validate"),
    engine,
    hosts: hosts.map(parseHost),
    tls,
    tlsVerify: flag("tlsverify"),
    tlsCaCert: text("tlscacert") ?? join(certificates, "ca.pem"),
    tlsCert: text("tlscert") ?? join(certificates, "cert.pem"),
    tlsKey: text("tlskey") ?? join(certificates, "key.pem"),
    metrics: text("metrics-addr") ? parseMetricsFlag(text("metrics-addr") ?? "") : undefined,
    ui: text("ui") ? parseUiFlag(text("ui") ?? "") : undefined,
  };
}

/** That of the supervisor's unit, too. */
const unitExecRoot = "/run/berth";

function optional<K extends keyof EngineConfig>(
  key: K,
  value: EngineConfig[K] | undefined,
): Partial<EngineConfig> {
  return value === undefined ? {} : ({ [key]: value } as Partial<EngineConfig>);
}

/** @throws EngineError invalid for an address that others can reach */
function refuseOpenHost(host: Host): void {
  if (host.kind !== "tcp" || /^(127\.|::1$|localhost$)/.test(host.address)) return;
  throw invalid(
    `${host.text} without TLS gives root on this machine to everyone who can reach it: ` +
      "use --tlsverify, or say --tls=false if that is what you want",
  );
}

/** "--tls=false" and its like, which parseArgs does not know. */
function splitSwitches(words: string[]): { words: string[]; switches: Record<string, string[]> } {
  const switches: Record<string, string[]> = {};
  const others = words.filter((word) => {
    const [, name = "", value = ""] = /^--([a-z-]+)=(true|false)$/.exec(word) ?? [];
    const isSwitch = table.some(([known, kind]) => known === name && kind === "boolean");
    if (isSwitch) switches[name] = [value];
    return !isSwitch;
  });
  return { words: others, switches };
}

function parseWords(given: string[]): Record<string, string[]> {
  const { words, switches } = splitSwitches(given);
  try {
    const { values } = parseArgs({
      args: words,
      options: Object.fromEntries(
        table.map(([name, kind]) => [
          name,
          {
            type: kind === "boolean" ? ("boolean" as const) : ("string" as const),
            multiple: true,
            ...(shorts[name] && { short: shorts[name] }),
          },
        ]),
      ),
    });
    const read = Object.entries(values).map(([name, value]) => [name, [value].flat().map(String)]);
    return { ...Object.fromEntries(read), ...switches };
  } catch (error) {
    throw invalid(`${messageOf(error)}. See 'berth daemon --help'.`, error);
  }
}

/** Docker's keys; `hosts` and `runtimes` are lists and objects there. */
function readConfigFile(path: string, mustExist: boolean): Record<string, string[]> {
  if (!mustExist && !existsSync(path)) return {};
  try {
    const file: Record<string, unknown> = JSON.parse(readFileSync(path, "utf8"));
    refuseUnknownKeys(file);
    const { hosts, runtimes, ...rest } = file;
    const entries = Object.entries(rest).map(([key, value]) => [key, [value].flat().map(String)]);
    return {
      ...Object.fromEntries(entries),
      ...readRegistryKeys(file),
      ...readNetworkKeys(file),
      ...readContainerKeys(file),
      ...readDeviceKeys(file),
      ...readBuilderKeys(file),
      ...(Array.isArray(hosts) && { host: hosts.map(String) }),
      ...(isRuntimes(runtimes) && {
        "add-runtime": Object.entries(runtimes).map(([name, { path: program }]) => `${name}=${program}`),
      }),
    };
  } catch (error) {
    throw invalid(`unable to configure the engine with file ${path}: ${messageOf(error)}`, error);
  }
}

/** Docker's names for what is called otherwise on the command line. */
const fileKeys = [
  ...[
    "hosts",
    "runtimes",
    "labels",
    "registry-mirrors",
    "insecure-registries",
    "proxies",
    "dns-opts",
    "log-opts",
    "cdi-spec-dirs",
    "exec-opts",
    "features",
  ],
  ...["builder", "default-ulimits", "default-address-pools", "default-network-opts", "host-gateway-ips"],
];

/** What other files say that is so here without being said. */
const givens: Readonly<Record<string, unknown>> = {
  experimental: false,
  "live-restore": true,
  "storage-driver": "overlay2",
  "userland-proxy": false,
};

/** @throws EngineError invalid in Docker's words */
function refuseUnknownKeys(file: Record<string, unknown>): void {
  const isKnown = (key: string) => fileKeys.includes(key) || table.some(([name]) => name === key);
  const isGiven = (key: string) => Object.hasOwn(givens, key) && isDeepStrictEqual(givens[key], file[key]);
  const unknown = Object.keys(file).filter((key) => !isKnown(key) && !isGiven(key));
  if (unknown.length > 0)
    throw invalid(`the following directives don't match any configuration option: ${unknown.join(", ")}`);
}

function isRuntimes(value: unknown): value is Record<string, { path: string }> {
  return typeof value === "object" && value !== null;
}

function parseRuntime(text: string): [string, string] {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (!name || !path) throw invalid(`invalid --add-runtime "${text}": use NAME=PATH`);
  return [name, path];
}

function parseHost(text: string): Host {
  if (text.startsWith("unix://")) return { text, kind: "unix", path: text.slice("unix://".length) };
  if (text === "fd://") return { text, kind: "fd", fd: -1 };
  const [, address, port] = /^tcp:\/\/\[?([^\]]*?)\]?:(\d+)$/.exec(text) ?? [];
  if (!port) throw invalid(`invalid host "${text}": use unix://PATH, tcp://ADDRESS:PORT or fd://`);
  return { text, kind: "tcp", address: address || "127.0.0.1", port: Number(port) };
}

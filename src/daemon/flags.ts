import { join } from "node:path";
import { parseArgs } from "node:util";
import type { EngineConfig } from "../engine/config.ts";
import { invalid, messageOf } from "../errors.ts";
import type { UiAddress } from "../ui/listen.ts";
import { readBuilderSettings } from "./builder-flags.ts";
import { type ConfigFile, readConfigFile } from "./config-file.ts";
import { readCgroups, readContainerDefaults } from "./container-flags.ts";
import { readCdiDirectories, usesBuildKit } from "./device-flags.ts";
import { readDnsSettings } from "./dns-flags.ts";
import { certificates, shorts, table } from "./flag-table.ts";
import { readGarbagePolicy } from "./garbage-flags.ts";
import { type Host, readHosts, refuseOpenHost } from "./hosts.ts";
import { parseMetricsFlag } from "./metrics.ts";
import { readNetworksConfig } from "./network-flags.ts";
import { readRegistrySettings } from "./registry-flags.ts";
import { parseUiFlag } from "./ui-flag.ts";

export interface DaemonFlags {
  help: boolean;
  /** Only to be checked. */
  validate: boolean;
  engine: Partial<EngineConfig>;
  hosts: Host[];
  /** TCP sockets may be open to others: there is TLS, or the user has said that there is to be none. */
  mayBeOpen: boolean;
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

/** Reads the command line, then the configuration file for what it left open. @throws EngineError invalid */
export function parseDaemonFlags(words: string[]): DaemonFlags {
  const given = parseWords(words);
  const path = given["config-file"]?.[0] ?? "/etc/berth/daemon.json";
  const { values: file, runtimeArgs }: ConfigFile = readConfigFile(path, "config-file" in given, given);
  const list = (name: string) =>
    adding.includes(name)
      ? [...(file[name] ?? []), ...(given[name] ?? [])]
      : (given[name] ?? file[name] ?? []);
  const text = (name: string) => list(name).at(-1);
  const flag = (name: string) => text(name) === "true";
  const runtimes = Object.fromEntries(list("add-runtime").map(parseRuntime));
  // What the file says of a runtime is of no use to another program of that name.
  const isGiven = new Set((given["add-runtime"] ?? []).map((one) => parseRuntime(one)[0]));
  const debug = flag("debug");
  const engine: Partial<EngineConfig> = {
    debug,
    logLevel: text("log-level") || (debug ? "debug" : "info"),
    runtimes,
    runtimeArgs: Object.fromEntries(Object.entries(runtimeArgs).filter(([name]) => !isGiven.has(name))),
    hasBuildKit: usesBuildKit(list),
    labels: list("label"),
    registries: readRegistrySettings({ list, text }, process.env),
    imageGarbage: readGarbagePolicy(text),
    builder: readBuilderSettings(file.builder?.at(-1)),
    dns: readDnsSettings(list),
    containerDefaults: readContainerDefaults({ list, text }),
    hasDefaultBridgeNames: flag("default-bridge-names"),
    ...optional("cdiSpecDirs", readCdiDirectories(list)),
    ...optional("root", text("data-root")),
    ...optional("execRoot", text("exec-root")),
    ...optional("bridgeName", text("bridge") || undefined),
    networks: readNetworksConfig({ list, text }),
    ...readCgroups({ list, text }),
    ...optional("tableName", text("nft-table")),
    ...optional("defaultRuntime", text("default-runtime")),
    ...optional("usernsRemap", text("userns-remap")),
  };
  const execRoot = engine.execRoot ?? unitExecRoot;
  if (execRoot === unitExecRoot)
    Object.assign(engine, optional("supervisorUnit", process.env.BERTH_SUPERVISOR_UNIT));
  const hosts = readHosts(list("host"), execRoot);
  const tls = flag("tls") || flag("tlsverify");
  const mayBeOpen = tls || text("tls") === "false" || text("tlsverify") === "false";
  if (!mayBeOpen) hosts.forEach(refuseOpenHost);
  return {
    help: flag("help"),
    validate: flag("validate"),
    engine,
    hosts,
    mayBeOpen,
    tls,
    tlsVerify: flag("tlsverify"),
    tlsCaCert: text("tlscacert") ?? join(certificates, "ca.pem"),
    tlsCert: text("tlscert") ?? join(certificates, "cert.pem"),
    tlsKey: text("tlskey") ?? join(certificates, "key.pem"),
    metrics: text("metrics-addr") ? parseMetricsFlag(text("metrics-addr") ?? "") : undefined,
    ui: text("ui") ? parseUiFlag(text("ui") ?? "") : undefined,
  };
}

/** Flags that add to what the file says; of two that say the same, theirs counts. */
const adding = ["add-runtime", "feature"];

/** That of the supervisor's unit, too. */
const unitExecRoot = "/run/berth";

function optional<K extends keyof EngineConfig>(
  key: K,
  value: EngineConfig[K] | undefined,
): Partial<EngineConfig> {
  return value === undefined ? {} : ({ [key]: value } as Partial<EngineConfig>);
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

function parseRuntime(text: string): [string, string] {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (!name || !path) throw invalid(`invalid --add-runtime "${text}": use NAME=PATH`);
  return [name, path];
}

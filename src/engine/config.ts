import { createHash } from "node:crypto";
import { type BuilderSettings, defaultBuilderSettings } from "../build/rooms.ts";
import type { ContainerDefaults } from "../containers/containers.ts";
import { defaultRegistrySettings, type RegistrySettings } from "../distribution/settings.ts";
import { invalid } from "../errors.ts";
import type { GarbagePolicy } from "../images/garbage-policy.ts";
import type { DnsSettings } from "../launch/resolv-conf.ts";
import { findLogLevel } from "../logger.ts";
import { defaultNetworksConfig, type NetworksConfig, noBridge } from "../networks/settings.ts";
import { type CgroupDriver, expandSlice } from "../runtime/cgroup-place.ts";

export interface EngineConfig {
  /** Data root. */
  root: string;
  /** Run-time files, on a file system in memory. */
  execRoot: string;
  logLevel: string;
  debug: boolean;
  /** The systemd unit that runs the supervisor, for an engine that was installed as one; "" for none. */
  supervisorUnit: string;
  /** Name of the default bridge's link, at most 15 characters. */
  bridgeName: string;
  /** Name of the engine's nftables table. */
  tableName: string;
  networks: NetworksConfig;
  cgroupDriver: CgroupDriver;
  /** Parent of the containers' cgroups: from the root of each hierarchy, or by systemd's driver a slice. */
  cgroupParent: string;
  defaultRuntime: string;
  /** For containers that have no such settings of their own. */
  dns: DnsSettings;
  containerDefaults: ContainerDefaults;
  /** Containers of the default bridge have names, too. */
  hasDefaultBridgeNames: boolean;
  /** When unused images are removed by themselves; undefined for never. */
  imageGarbage: GarbagePolicy | undefined;
  builder: BuilderSettings;
  /** Where vendors describe their devices (CDI); a later one wins. None: there are no such devices. */
  cdiSpecDirs: readonly string[];
  /** What info shows. */
  labels: readonly string[];
  /** Programs by name. */
  runtimes: Record<string, string>;
  /** By the same names: words that such a program is given before all others. */
  runtimeArgs: Record<string, readonly string[]>;
  /** Clients that leave it to the engine build with BuildKit. */
  hasBuildKit: boolean;
  registries: RegistrySettings;
  /** Whose subordinate ids containers run with: "default", "USER", "USER:GROUP"; "" to run with the machine's own ids. */
  usernsRemap: string;
}

const defaults: EngineConfig = {
  root: "/var/lib/berth",
  execRoot: "/run/berth",
  logLevel: "info",
  debug: false,
  supervisorUnit: "",
  bridgeName: "berth0",
  tableName: "berth",
  cgroupDriver: "cgroupfs",
  cgroupParent: "/berth",
  imageGarbage: undefined,
  builder: defaultBuilderSettings,
  cdiSpecDirs: ["/etc/cdi", "/var/run/cdi"],
  dns: { servers: [], search: [], options: [] },
  containerDefaults: { log: { Type: "json-file", Config: {} }, ulimits: [], init: false },
  hasDefaultBridgeNames: false,
  networks: defaultNetworksConfig,
  labels: [],
  defaultRuntime: "crun",
  runtimes: { crun: "crun", runc: "runc" },
  runtimeArgs: {},
  hasBuildKit: true,
  registries: defaultRegistrySettings,
  usernsRemap: "",
};

/**
 * Engines with data roots of their own share no cgroup by default: one that goes would take it from under the other.
 * @throws EngineError invalid
 */
export function completeEngineConfig(given: Partial<EngineConfig>): EngineConfig {
  const root = given.root ?? defaults.root;
  const ownParent = root === defaults.root ? defaults.cgroupParent : `/berth-${shortHash(root)}`;
  const cgroupParent = given.cgroupDriver === "systemd" ? "system.slice" : ownParent;
  const runtimes = { ...defaults.runtimes, ...given.runtimes };
  const logLevel = findLogLevel(given.logLevel ?? defaults.logLevel);
  if (!logLevel) throw invalid(`invalid logging level: ${given.logLevel}`);
  const config: EngineConfig = { ...defaults, cgroupParent, ...given, runtimes, logLevel };
  for (const path of [config.root, config.execRoot]) {
    if (!path.startsWith("/")) throw invalid(`${path} is not an absolute path`);
  }
  if (!/^[\w.-]{1,15}$/.test(config.bridgeName)) {
    throw invalid(`invalid bridge name "${config.bridgeName}": use at most 15 letters, digits, dots, dashes`);
  }
  if (config.bridgeName === noBridge && (config.networks.bip[4] ?? config.networks.bip[6]))
    throw invalid("You specified -b & --bip, mutually exclusive options. Please specify only one");
  if (config.cgroupDriver === "systemd") expandSlice(config.cgroupParent);
  if (!Object.hasOwn(config.runtimes, config.defaultRuntime)) {
    throw invalid(`the default runtime "${config.defaultRuntime}" is not among the runtimes`);
  }
  return config;
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

import { readFileSync } from "node:fs";
import { cpus, hostname, machine, release, totalmem } from "node:os";
import type { Containers } from "../containers/containers.ts";
import { logDriverNames } from "../containers/logs/drivers.ts";
import { maskProxy } from "../distribution/proxies.ts";
import { dockerHub, type RegistrySettings } from "../distribution/settings.ts";
import type { InfoResponse } from "../formats/docker-api/docker-api-system.ts";
import { timestamp } from "../formats/timestamp.ts";
import { version } from "../formats/version.ts";
import type { NetworkRecord } from "../networks/records.ts";
import type { CdiListing } from "../runtime/cdi/read-directories.ts";
import { canLoadProfiles, hasAppArmor } from "../sys/apparmor.ts";
import { cgroupLayout, hasController } from "../sys/cgroup.ts";
import { readSysctl } from "../sys/sysctl.ts";

export interface SystemSubject {
  containers: Containers;
  config: { root: string; debug: boolean; id: string; labels: readonly string[] };
  warnings: string[];
}

/** The answer to `GET /info`. */
export function describeSystem(
  { containers, config, warnings: given }: SystemSubject,
  ofNetworks: readonly string[] = [],
  cdi: CdiListing = { devices: [], problems: [] },
): InfoResponse {
  const all = [...containers.byId.values()].map(({ record }) => record.state);
  const paused = all.filter(({ Paused }) => Paused).length;
  const running = all.filter(({ Running }) => Running).length - paused;
  const { settings } = containers;
  return {
    ID: config.id,
    Name: hostname(),
    Containers: all.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: all.length - running - paused,
    Images: containers.images.list().length,
    Driver: "overlay2",
    DriverStatus: [["Supports d_type", "true"]],
    Plugins: {
      Volume: ["local"],
      Network: networkDrivers,
      Authorization: null,
      Log: logDriverNames,
    },
    ...describeLimits(),
    IPv4Forwarding: isOn("net/ipv4/ip_forward"),
    Debug: config.debug,
    NFd: 0,
    NGoroutines: 0,
    SystemTime: timestamp(),
    LoggingDriver: settings.containerDefaults.log.Type,
    CgroupDriver: settings.cgroupDriver,
    CgroupVersion: cgroupLayout() === "v2" ? "2" : "1",
    NEventsListener: containers.metrics.events.listeners,
    ...describeMachine(),
    ...describeRegistries(containers.images.registries.settings),
    DockerRootDir: config.root,
    Labels: [...config.labels],
    ExperimentalBuild: false,
    ServerVersion: version,
    Runtimes: describeRuntimes(settings),
    DefaultRuntime: settings.defaultRuntime,
    Swarm: noSwarm,
    LiveRestoreEnabled: true,
    ...otherPrograms,
    SecurityOptions: describeSecurity(containers),
    FirewallBackend: { Driver: "nftables" },
    CDISpecDirs: [...containers.cdi.directories],
    ...(cdi.devices.length > 0 && { DiscoveredDevices: describeDevices(cdi) }),
    Warnings: [...given, ...warnings(), ...ofNetworks, ...describeProblems(cdi)],
  };
}

const networkDrivers = Object.keys({
  ...{ bridge: true, host: true, ipvlan: true, macvlan: true, null: true },
} satisfies Record<NetworkRecord["driver"], true>);

const describeMachine = () => ({
  KernelVersion: release(),
  OperatingSystem: readOs("PRETTY_NAME") || "Linux",
  OSVersion: readOs("VERSION_ID"),
  OSType: "linux",
  Architecture: machine(),
  NCPU: cpus().length,
  MemTotal: totalmem(),
});

const describeDevices = ({ devices }: CdiListing) => devices.map(({ name }) => ({ Source: "cdi", ID: name }));

const describeProblems = ({ problems }: CdiListing) =>
  problems.map(({ path, message }) => `CDI: Error associated with spec file ${path}: ${message}`);
function describeSecurity({ settings }: Containers): string[] {
  return [
    ...(canLoadProfiles() ? ["name=apparmor"] : []),
    `name=seccomp,profile=${settings.containerDefaults.seccomp?.name ?? "builtin"}`,
    ...(settings.remap ? ["name=userns"] : []),
    ...(cgroupLayout() === "v2" ? ["name=cgroupns"] : []),
  ];
}

const noSwarm = {
  NodeID: "",
  NodeAddr: "",
  LocalNodeState: "inactive",
  ControlAvailable: false,
  Error: "",
  RemoteManagers: null,
} as const;

/** Whose versions we do not ask for. */
const otherPrograms = {
  Isolation: "",
  InitBinary: "docker-init",
  ContainerdCommit: { ID: "" },
  RuncCommit: { ID: "" },
  InitCommit: { ID: "" },
};

function describeRegistries({ mirrors, insecure, proxies }: RegistrySettings) {
  const networks = insecure.filter((word) => word.includes("/"));
  const describe = (Name: string) => ({
    Name,
    Mirrors: mirrors[Name] ?? [],
    Secure: !insecure.includes(Name),
    Official: Name === dockerHub,
  });
  const names = new Set([
    dockerHub,
    ...Object.keys(mirrors),
    ...insecure.filter((word) => !word.includes("/")),
  ]);
  const { http, https, exceptions } = maskProxy(proxies);
  return {
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: {
      InsecureRegistryCIDRs: networks,
      IndexConfigs: Object.fromEntries([...names].map((name) => [name, describe(name)])),
      Mirrors: mirrors[dockerHub]?.map((address) => `${address}/`) ?? null,
    },
    HttpProxy: http ?? "",
    HttpsProxy: https ?? "",
    NoProxy: exceptions.join(","),
  };
}

/** Clients warn of each that is false. */
function describeLimits() {
  const [memory, cpu] = [hasController("memory"), hasController("cpu")];
  return {
    MemoryLimit: memory,
    SwapLimit: memory,
    CpuCfsPeriod: cpu,
    CpuCfsQuota: cpu,
    CPUShares: cpu,
    CPUSet: hasController("cpuset"),
    PidsLimit: hasController("pids"),
    OomKillDisable: memory && cgroupLayout() !== "v2",
  };
}

/** Whether the kernel sends what crosses a bridge through the packet filter. */
export function describeBridgeFilters() {
  return {
    BridgeNfIptables: isOn("net/bridge/bridge-nf-call-iptables"),
    BridgeNfIp6tables: isOn("net/bridge/bridge-nf-call-ip6tables"),
  };
}

function isOn(setting: string): boolean {
  try {
    return readSysctl(setting) === "1";
  } catch {
    // Its module is not loaded.
    return false;
  }
}

/** A value of /etc/os-release; "" when there is none. */
export function readOs(name: "PRETTY_NAME" | "VERSION_ID"): string {
  try {
    const lines = readFileSync("/etc/os-release", "utf8").split("\n");
    const line = lines.find((one) => one.startsWith(`${name}=`)) ?? "";
    return line.slice(name.length + 1).replace(/^"(.*)"$/, "$1");
  } catch {
    return "";
  }
}

function warnings(): string[] {
  const layout = cgroupLayout();
  return [
    ...(layout === "v2"
      ? []
      : [
          `cgroup ${layout === "hybrid" ? "v1 with a v2 hierarchy beside it" : "v1"}: limits work; cgroup v2 is faster and is what kernels keep developing`,
        ]),
    ...(hasAppArmor() && !canLoadProfiles()
      ? [
          "AppArmor is enabled, but apparmor_parser is missing: containers run unconfined; install the package apparmor",
        ]
      : []),
  ];
}

function describeRuntimes({
  runtimes,
  runtimeArgs,
}: Pick<Containers["settings"], "runtimes" | "runtimeArgs">) {
  const described = Object.entries(runtimes).map(([name, path]) => {
    const args = runtimeArgs[name];
    return [name, { path, ...(args && { runtimeArgs: args }) }] as const;
  });
  return Object.fromEntries(described);
}

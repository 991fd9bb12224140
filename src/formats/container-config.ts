import { invalid } from "../errors.ts";
import type { ContainerConfig, HostConfig } from "./docker-api.ts";

/** What every config has, in an image's as well. */
export const emptyConfig = {
  Hostname: "",
  Domainname: "",
  User: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: "",
  Volumes: null,
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
} satisfies ContainerConfig;

const configDefaults: Required<
  Omit<ContainerConfig, "Healthcheck" | "StopTimeout" | "Shell" | "ExposedPorts">
> = { ...emptyConfig, NetworkDisabled: false, MacAddress: "", StopSignal: "" };

const hostConfigDefaults: HostConfig = {
  Binds: null,
  ContainerIDFile: "",
  LogConfig: { Type: "", Config: null },
  NetworkMode: "default",
  PortBindings: null,
  RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: "",
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: "",
  Dns: null,
  DnsOptions: null,
  DnsSearch: null,
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: "",
  Cgroup: "",
  Links: null,
  OomScoreAdj: 0,
  PidMode: "",
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: "",
  UsernsMode: "",
  ShmSize: 0,
  Runtime: "",
  Isolation: "",
  MaskedPaths: null,
  ReadonlyPaths: null,
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: "",
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: "",
  CpusetMems: "",
  Devices: null,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: null,
  PidsLimit: null,
  Ulimits: null,
};

/** Fields that hold an object with names of the user's choice; the other nulls above are lists. */
const maps = new Set([
  "Volumes",
  "Labels",
  "PortBindings",
  "ExposedPorts",
  "Tmpfs",
  "Sysctls",
  "Annotations",
]);
const nullableScalars = new Set(["MemorySwappiness", "OomKillDisable", "PidsLimit"]);
/** A string or a list: clients older than 1.40 and some libraries send "sh" for ["sh"]. */
const stringOrList = new Set(["Cmd", "Entrypoint"]);

const configOrder = [
  ...["Hostname", "Domainname", "User", "AttachStdin", "AttachStdout", "AttachStderr", "ExposedPorts", "Tty"],
  ...["OpenStdin", "StdinOnce", "Env", "Cmd", "Healthcheck", "ArgsEscaped", "Image", "Volumes", "WorkingDir"],
  ...[
    "Entrypoint",
    "NetworkDisabled",
    "MacAddress",
    "OnBuild",
    "Labels",
    "StopSignal",
    "StopTimeout",
    "Shell",
  ],
] as (keyof ContainerConfig)[];

/** Left out while they say nothing. */
const omittedWhenEmpty = new Set<keyof ContainerConfig>([
  ...(["ExposedPorts", "Healthcheck", "NetworkDisabled", "MacAddress"] as const),
  ...(["StopSignal", "StopTimeout", "Shell"] as const),
]);

/** A config as Docker sends it: scripts print it whole, so that order and empty fields show. */
export function encodeConfig(config: ContainerConfig): ContainerConfig {
  const isEmpty = (value: unknown) => {
    return value === undefined || value === null || value === "" || value === false;
  };
  const present = configOrder.filter((key) => {
    return omittedWhenEmpty.has(key) ? !isEmpty(config[key]) : key in config;
  });
  return Object.fromEntries(present.map((key) => [key, config[key]])) as unknown as ContainerConfig;
}

/** Completes a container config as a client sent it. @throws EngineError invalid when a field has the wrong type */
export function completeConfig(given: object): ContainerConfig {
  return complete<ContainerConfig>("Config", configDefaults, given);
}

/** Likewise for a host config. */
export function completeHostConfig(given: object): HostConfig {
  if (typeof given !== "object" || Array.isArray(given)) {
    const got = Array.isArray(given) ? "array" : typeof given;
    throw invalid(
      `json: cannot unmarshal ${got} into Go struct field CreateRequest.HostConfig of type container.HostConfig`,
    );
  }
  return complete<HostConfig>("HostConfig", hostConfigDefaults, given);
}

function complete<T extends object>(struct: string, defaults: T, given: object): T {
  const result: Record<string, unknown> = Object.fromEntries(Object.entries(defaults));
  const known = new Map(Object.keys(defaults).map((key) => [key.toLowerCase(), key]));
  for (const [name, value] of Object.entries(given)) {
    const key = known.get(name.toLowerCase()) ?? name;
    if (value === null || value === undefined) continue;
    const normalized = stringOrList.has(key) && typeof value === "string" ? [value] : value;
    checkType(struct, key, (defaults as Record<string, unknown>)[key], normalized);
    result[key] = normalized;
  }
  return result as T;
}

function checkType(struct: string, key: string, like: unknown, value: unknown): void {
  const fail = (wanted: string): never => {
    const got = Array.isArray(value) ? "array" : typeof value;
    throw invalid(`json: cannot unmarshal ${got} into Go struct field ${struct}.${key} of type ${wanted}`);
  };
  if (maps.has(key)) {
    if (typeof value !== "object" || Array.isArray(value)) fail("map");
  } else if (like === null) {
    if (!nullableScalars.has(key) && !Array.isArray(value)) fail("[]string");
  } else if (like !== undefined && typeof like !== typeof value) {
    fail(typeof like === "boolean" ? "bool" : typeof like === "number" ? "int64" : typeof like);
  }
}

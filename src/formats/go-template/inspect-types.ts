import { goMap, goNilSlice, goStruct } from "./go-template.ts";

/**
 * Which JSON objects of the API are structs, which are maps, and what their members are when left out: templates see the
 * difference (`<no value>`, an error, `map[]`, `[]`, and how a whole object prints).
 * A member is NAME, or NAME<KEY when JSON calls it KEY, and its kind: nothing for a string, # number, ? boolean, ~ nil when
 * missing, [] list of scalars, {} map of strings, and before a type: . struct, * pointer, [] list, {} map, {}[] map of lists.
 */
const types = {
  Container:
    "ID<Id Created Path Args[] State*State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount# Driver Platform MountLabel ProcessLabel AppArmorProfile ExecIDs[] HostConfig*HostConfig GraphDriver.GraphDriver SizeRw~ SizeRootFs~ Mounts[]Mount Config*Config NetworkSettings*NetworkSettings ImageManifestDescriptor~",
  Context: "Name Metadata~ Endpoints~ TLSMaterial~ Storage~",
  State:
    "Status Running? Paused? Restarting? OOMKilled? Dead? Pid# ExitCode# Error StartedAt FinishedAt Health*Health",
  Health: "Status FailingStreak# Log[]HealthResult",
  HealthResult: "Start End ExitCode# Output",
  GraphDriver: "Data{} Name",
  Mount: "Type Name Source Destination Driver Mode RW? Propagation",
  Config:
    "Hostname Domainname User AttachStdin? AttachStdout? AttachStderr? ExposedPorts{}Empty Tty? OpenStdin? StdinOnce? Env[] Cmd[] Healthcheck*Healthcheck ArgsEscaped? Image Volumes{}Empty WorkingDir Entrypoint[] NetworkDisabled? MacAddress OnBuild[] Labels{} StopSignal StopTimeout~ Shell[]",
  Healthcheck: "Test[] Interval# Timeout# StartPeriod# StartInterval# Retries#",
  Empty: "",
  HostConfig:
    "Binds[] ContainerIDFile LogConfig.LogConfig NetworkMode PortBindings{}[]PortBinding RestartPolicy.RestartPolicy AutoRemove? VolumeDriver VolumesFrom[] ConsoleSize[] Annotations{} CapAdd[] CapDrop[] CgroupnsMode DNS<Dns[] DNSOptions<DnsOptions[] DNSSearch<DnsSearch[] ExtraHosts[] GroupAdd[] IpcMode Cgroup Links[] OomScoreAdj# PidMode Privileged? PublishAllPorts? ReadonlyRootfs? SecurityOpt[] StorageOpt{} Tmpfs{} UTSMode UsernsMode ShmSize# Sysctls{} Runtime Isolation CPUShares<CpuShares# Memory# NanoCPUs<NanoCpus# CgroupParent BlkioWeight# BlkioWeightDevice[]WeightDevice BlkioDeviceReadBps[]ThrottleDevice BlkioDeviceWriteBps[]ThrottleDevice BlkioDeviceReadIOps[]ThrottleDevice BlkioDeviceWriteIOps[]ThrottleDevice CPUPeriod<CpuPeriod# CPUQuota<CpuQuota# CPURealtimePeriod<CpuRealtimePeriod# CPURealtimeRuntime<CpuRealtimeRuntime# CpusetCpus CpusetMems Devices[]Device DeviceCgroupRules[] DeviceRequests[]DeviceRequest MemoryReservation# MemorySwap# MemorySwappiness~ OomKillDisable~ PidsLimit~ Ulimits[]Ulimit CPUCount<CpuCount# CPUPercent<CpuPercent# IOMaximumIOps# IOMaximumBandwidth# Mounts[]MountSpec MaskedPaths[] ReadonlyPaths[] Init~",
  LogConfig: "Type Config{}",
  PortBinding: "HostIP<HostIp HostPort",
  RestartPolicy: "Name MaximumRetryCount#",
  WeightDevice: "Path Weight#",
  ThrottleDevice: "Path Rate#",
  Device: "PathOnHost PathInContainer CgroupPermissions",
  DeviceRequest: "Driver Count# DeviceIDs[] Capabilities[] Options{}",
  Ulimit: "Name Hard# Soft#",
  MountSpec:
    "Type Source Target ReadOnly? Consistency BindOptions~ VolumeOptions~ ImageOptions~ TmpfsOptions~",
  NetworkSettings:
    "Bridge SandboxID SandboxKey Ports{}[]PortBinding HairpinMode? LinkLocalIPv6Address LinkLocalIPv6PrefixLen# SecondaryIPAddresses[] SecondaryIPv6Addresses[] EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen# IPAddress IPPrefixLen# IPv6Gateway MacAddress Networks{}Endpoint",
  Endpoint:
    "IPAMConfig~ Links[] Aliases[] MacAddress DriverOpts{} GwPriority# NetworkID EndpointID Gateway IPAddress IPPrefixLen# IPv6Gateway GlobalIPv6Address GlobalIPv6PrefixLen# DNSNames[]",
  Image:
    "ID<Id RepoTags[] RepoDigests[] Parent Comment Created Container ContainerConfig~ DockerVersion Author Config*ImageConfig Architecture Variant Os OsVersion Size# VirtualSize# GraphDriver.GraphDriver RootFS.RootFS Metadata.Metadata Descriptor~ Manifests[]",
  ImageConfig:
    "User ExposedPorts{}Empty Env[] Entrypoint[] Cmd[] Volumes{}Empty WorkingDir Labels{} StopSignal ArgsEscaped? Healthcheck*Healthcheck OnBuild[] Shell[]",
  RootFS: "Type Layers[]",
  Metadata: "LastTagTime",
  Network:
    "Name ID<Id Created Scope Driver EnableIPv4? EnableIPv6? IPAM.Ipam Internal? Attachable? Ingress? ConfigFrom.ConfigFrom ConfigOnly? Containers{}NetworkContainer Options{} Labels{} Peers[] Services~",
  Ipam: "Driver Options{} Config[]IpamConfig",
  IpamConfig: "Subnet IPRange Gateway AuxAddress<AuxiliaryAddresses{}",
  ConfigFrom: "Network",
  NetworkContainer: "Name EndpointID MacAddress IPv4Address IPv6Address",
  Volume: "ClusterVolume~ CreatedAt Driver Labels{} Mountpoint Name Options{} Scope Status{} UsageData~",
} as const;

export type InspectType = keyof typeof types;

/** The JSON of the API with its types, for templates. A member this engine's types do not know is left out. */
export function typeJson(json: unknown, type: InspectType): unknown {
  const object = isObject(json) ? json : {};
  const fields: Record<string, unknown> = {};
  for (const member of types[type].split(" ")) {
    const { name, key, kind, inner } = parseMember(member);
    if (name !== "") fields[name] = typeMember(object[key], kind, inner);
  }
  return goStruct(type, fields, json);
}

function parseMember(member: string) {
  const [, name = "", key = name, kind = "", inner] = /^(\w+)(?:<(\w+))?([^\w<]*)(\w+)?$/.exec(member) ?? [];
  return { name, key, kind, inner: inner as InspectType | undefined };
}

function typeMember(value: unknown, kind: string, inner: InspectType | undefined): unknown {
  const isMissing = value === undefined || value === null;
  switch (kind) {
    case "":
      return isMissing ? "" : value;
    case "#":
      return isMissing ? 0 : value;
    case "?":
      return isMissing ? false : value;
    case "~":
      return isMissing ? null : value;
    case ".":
      return typeJson(value, inner!);
    case "*":
      return isMissing ? null : typeJson(value, inner!);
    case "[]": {
      const items = Array.isArray(value) ? value : goNilSlice();
      return inner === undefined ? items : isMissing ? items : items.map((item) => typeJson(item, inner));
    }
    default:
      return typeMap(value, kind, inner);
  }
}

function typeMap(value: unknown, kind: string, inner: InspectType | undefined): unknown {
  const object = isObject(value) ? value : {};
  if (inner === undefined) return goMap(object, "", value);
  const isList = kind === "{}[]";
  const entries = Object.entries(object).map(([key, item]) => [
    key,
    typeMember(item, isList ? "[]" : ".", inner),
  ]);
  return goMap(
    Object.fromEntries(entries),
    isList ? [] : typeJson({}, inner),
    value,
    isList ? "nat.Port" : undefined,
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

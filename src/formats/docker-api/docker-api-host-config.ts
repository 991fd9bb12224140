import {
  type Decoded,
  flag,
  integer,
  list,
  mapOf,
  nullable,
  omitEmpty,
  optional,
  pair,
  type Shape,
  struct,
  text,
  textOf,
} from "../shape.ts";
import {
  type ContainerConfig,
  configShape,
  type EndpointSettings,
  endpointShape,
  mountShape,
  portMapShape,
} from "./docker-api-config.ts";

const throttles = list(
  struct("blkiodev.ThrottleDevice", { Path: textOf(4096), Rate: integer("uint64") }),
  1000,
);

/** What limits a container, as `update` may change it. */
const resourcesShape = struct("container.Resources", {
  CpuShares: integer("int64"),
  /** Bytes, as all sizes here. */
  Memory: integer("int64"),
  NanoCpus: integer("int64"),
  CgroupParent: textOf(4096),
  BlkioWeight: integer("uint16"),
  BlkioWeightDevice: list(
    struct("blkiodev.WeightDevice", { Path: textOf(4096), Weight: integer("uint16") }),
    1000,
  ),
  BlkioDeviceReadBps: throttles,
  BlkioDeviceWriteBps: throttles,
  BlkioDeviceReadIOps: throttles,
  BlkioDeviceWriteIOps: throttles,
  /** Microseconds, as the quota and the real-time ones. */
  CpuPeriod: integer("int64"),
  CpuQuota: integer("int64"),
  CpuRealtimePeriod: integer("int64"),
  CpuRealtimeRuntime: integer("int64"),
  CpusetCpus: textOf(4096),
  CpusetMems: textOf(4096),
  Devices: list(
    struct("container.DeviceMapping", {
      PathOnHost: textOf(4096),
      PathInContainer: textOf(4096),
      CgroupPermissions: textOf(64),
    }),
  ),
  DeviceCgroupRules: list(textOf(1024)),
  DeviceRequests: list(
    struct("container.DeviceRequest", {
      Driver: text,
      Count: integer("int"),
      DeviceIDs: list(text),
      Capabilities: list(list(text)),
      Options: mapOf(text),
    }),
  ),
  MemoryReservation: integer("int64"),
  MemorySwap: integer("int64"),
  MemorySwappiness: nullable(integer("int64")),
  OomKillDisable: nullable(flag),
  PidsLimit: nullable(integer("int64")),
  Ulimits: list(
    struct("units.Ulimit", { Name: textOf(64), Hard: integer("int64"), Soft: integer("int64") }),
    100,
  ),
  CpuCount: integer("int64"),
  CpuPercent: integer("int64"),
  IOMaximumIOps: integer("uint64"),
  IOMaximumBandwidth: integer("uint64"),
});
export type Resources = Decoded<typeof resourcesShape>;
export type ThrottleDevice = NonNullable<Decoded<typeof throttles>>[number];
export type DeviceMapping = NonNullable<Resources["Devices"]>[number];
export type Ulimit = NonNullable<Resources["Ulimits"]>[number];

const restartPolicyShape = struct("container.RestartPolicy", {
  /** "", "no", "always", "unless-stopped" or "on-failure", which is for the engine to check. */
  Name: textOf(64),
  MaximumRetryCount: integer("int"),
});
export type RestartPolicy = Decoded<typeof restartPolicyShape>;

export const hostConfigShape = struct("container.HostConfig", {
  Binds: list(text),
  ContainerIDFile: text,
  LogConfig: struct("container.LogConfig", { Type: textOf(64), Config: mapOf(text) }),
  NetworkMode: textOf(1024),
  PortBindings: portMapShape,
  RestartPolicy: restartPolicyShape,
  AutoRemove: flag,
  VolumeDriver: textOf(255),
  VolumesFrom: list(text),
  /** Height and width. */
  ConsoleSize: pair(integer("uint")),
  Annotations: omitEmpty(mapOf(text)),
  CapAdd: list(textOf(64)),
  CapDrop: list(textOf(64)),
  CgroupnsMode: textOf(64),
  Dns: list(textOf(64)),
  DnsOptions: list(textOf(1024)),
  DnsSearch: list(textOf(1024)),
  ExtraHosts: list(textOf(1024)),
  GroupAdd: list(textOf(1024)),
  IpcMode: textOf(1024),
  Cgroup: textOf(1024),
  Links: list(text),
  OomScoreAdj: integer("int"),
  PidMode: textOf(1024),
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: list(text),
  StorageOpt: omitEmpty(mapOf(text)),
  Tmpfs: omitEmpty(mapOf(text)),
  UTSMode: textOf(64),
  UsernsMode: textOf(64),
  ShmSize: integer("int64"),
  Sysctls: omitEmpty(mapOf(text)),
  Runtime: textOf(255),
  Isolation: textOf(64),
  ...resourcesShape.fields,
  Mounts: omitEmpty(list(mountShape)),
  MaskedPaths: list(textOf(4096)),
  ReadonlyPaths: list(textOf(4096)),
  Init: optional(flag),
});
export type HostConfig = Decoded<typeof hostConfigShape>;

/** Body of `POST /containers/{id}/update`. */
export const updateShape = struct("container.UpdateConfig", {
  ...resourcesShape.fields,
  RestartPolicy: restartPolicyShape,
});
export type UpdateRequest = Decoded<typeof updateShape>;

/** Body of `POST /berth/containers/{id}/ports`, which docker has not. */
export const portsChangeShape = struct("PortsChange", {
  /** As in `HostConfig.PortBindings`. */
  Publish: portMapShape,
  /** Ports of the host. */
  Unpublish: list(struct("HostPort", { HostIp: text, HostPort: text, Protocol: text }), 1000),
});
export type PortsChangeRequest = Decoded<typeof portsChangeShape>;

const rest = struct("container.CreateRequest", {
  HostConfig: hostConfigShape,
  NetworkingConfig: struct("network.NetworkingConfig", { EndpointsConfig: mapOf(endpointShape, 100) }),
});

/** Where limits stood before 1.18, beside the config. */
const formerShape = struct("container.HostConfig", {
  Memory: resourcesShape.fields.Memory,
  MemorySwap: resourcesShape.fields.MemorySwap,
  CpuShares: resourcesShape.fields.CpuShares,
  CpusetCpus: resourcesShape.fields.CpusetCpus,
  Cpuset: resourcesShape.fields.CpusetCpus,
  VolumeDriver: hostConfigShape.fields.VolumeDriver,
});

/** Body of `POST /containers/create` as it was read. */
export interface CreateBody extends Decoded<typeof rest> {
  /** For the earliest versions alone. */
  former: Decoded<typeof formerShape>;
  /** Null when no member of it was named. */
  config: ContainerConfig | null;
}

/** The members of the config stand beside the others. */
export const createShape: Shape<CreateBody> = {
  type: rest.type,
  zero: () => ({ config: null, former: formerShape.zero(), ...rest.zero() }),
  read(value, path) {
    const others = rest.read(value, path);
    const isGiven = configShape.mentions(value as object);
    const config = isGiven ? configShape.read(value, path) : null;
    return { config, former: formerShape.read(value, path), ...others };
  },
};

/** Body of `POST /containers/create` as clients send it: anything may be left out. */
export type ContainerCreateRequest = Partial<ContainerConfig> & {
  HostConfig?: Partial<HostConfig>;
  NetworkingConfig?: { EndpointsConfig?: Record<string, EndpointSettings | null> | null } | null;
};

import {
  type Decoded,
  emptyObject,
  flag,
  integer,
  list,
  mapOf,
  nullable,
  omitEmpty,
  optional,
  struct,
  text,
  textOf,
  textOrList,
} from "../shape.ts";

/*
 * What a container is made from (Docker Engine API): each type is what its description reads, with members in the order in
 * which Docker sends them.
 */

export const healthShape = struct("container.HealthConfig", {
  Test: omitEmpty(list(text)),
  /** Nanoseconds, as all durations here. */
  Interval: omitEmpty(integer("int64")),
  Timeout: omitEmpty(integer("int64")),
  StartPeriod: omitEmpty(integer("int64")),
  StartInterval: omitEmpty(integer("int64")),
  Retries: omitEmpty(integer("int")),
});
export type HealthConfig = Decoded<typeof healthShape>;

export const configShape = struct("container.Config", {
  Hostname: textOf(255),
  Domainname: textOf(255),
  User: textOf(1024),
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  /** Key: "80/tcp", or a range "8000-8010/tcp". */
  ExposedPorts: omitEmpty(mapOf(emptyObject)),
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: list(text),
  Cmd: textOrList,
  Healthcheck: optional(healthShape),
  ArgsEscaped: omitEmpty(flag),
  Image: textOf(4096),
  /** Keys are paths in the container. */
  Volumes: mapOf(emptyObject),
  WorkingDir: textOf(4096),
  Entrypoint: textOrList,
  NetworkDisabled: omitEmpty(flag),
  MacAddress: omitEmpty(text),
  OnBuild: list(text),
  Labels: mapOf(text),
  StopSignal: omitEmpty(textOf(64)),
  /** Seconds. */
  StopTimeout: optional(integer("int")),
  Shell: omitEmpty(list(text)),
});
export type ContainerConfig = Decoded<typeof configShape>;

/** What an image's config had only because containers' have it. */
const containersOnly = [
  "Hostname",
  "Domainname",
  "AttachStdin",
  "AttachStdout",
  "AttachStderr",
  "Tty",
  "OpenStdin",
  "StdinOnce",
  "Image",
  "NetworkDisabled",
  "MacAddress",
  "StopTimeout",
] as const;
type ImageFields = Omit<typeof configShape.fields, (typeof containersOnly)[number]>;

/** What an image says of the containers that are made from it. */
export const imageOwnConfigShape = struct(
  configShape.type,
  Object.fromEntries(
    Object.entries(configShape.fields).filter(([name]) => !containersOnly.some((one) => one === name)),
  ) as ImageFields,
);
export type ImageOwnConfig = Decoded<typeof imageOwnConfigShape>;

/** The ports of a container by "80/tcp"; null for one that is exposed and not published. */
export const portMapShape = mapOf(
  list(struct("nat.PortBinding", { HostIp: textOf(64), HostPort: textOf(64) })),
);
export type PortMap = NonNullable<Decoded<typeof portMapShape>>;
export type PortBinding = NonNullable<PortMap[string]>[number];

export const mountShape = struct("mount.Mount", {
  Type: omitEmpty(textOf(64)),
  Source: omitEmpty(textOf(4096)),
  Target: omitEmpty(textOf(4096)),
  ReadOnly: omitEmpty(flag),
  Consistency: omitEmpty(textOf(64)),
  BindOptions: optional(
    struct("mount.BindOptions", {
      Propagation: omitEmpty(textOf(64)),
      NonRecursive: omitEmpty(flag),
      CreateMountpoint: omitEmpty(flag),
      ReadOnlyNonRecursive: omitEmpty(flag),
      ReadOnlyForceRecursive: omitEmpty(flag),
    }),
  ),
  VolumeOptions: optional(
    struct("mount.VolumeOptions", {
      NoCopy: omitEmpty(flag),
      Labels: omitEmpty(mapOf(text)),
      Subpath: omitEmpty(textOf(4096)),
      DriverConfig: optional(
        struct("mount.Driver", { Name: omitEmpty(textOf(255)), Options: omitEmpty(mapOf(text)) }),
      ),
    }),
  ),
  ImageOptions: optional(struct("mount.ImageOptions", { Subpath: omitEmpty(textOf(4096)) })),
  TmpfsOptions: optional(
    struct("mount.TmpfsOptions", {
      SizeBytes: omitEmpty(integer("int64")),
      Mode: omitEmpty(integer("uint32")),
      Options: omitEmpty(list(list(textOf(1024)))),
    }),
  ),
});
export type MountSpec = Decoded<typeof mountShape>;

export const endpointShape = struct("network.EndpointSettings", {
  IPAMConfig: nullable(
    struct("network.EndpointIPAMConfig", {
      IPv4Address: omitEmpty(textOf(64)),
      IPv6Address: omitEmpty(textOf(64)),
      LinkLocalIPs: omitEmpty(list(textOf(64))),
    }),
  ),
  Links: list(text),
  Aliases: list(text),
  MacAddress: textOf(64),
  DriverOpts: mapOf(text),
  GwPriority: integer("int"),
  NetworkID: textOf(255),
  EndpointID: textOf(255),
  Gateway: textOf(64),
  IPAddress: textOf(64),
  IPPrefixLen: integer("int"),
  IPv6Gateway: textOf(64),
  GlobalIPv6Address: textOf(64),
  GlobalIPv6PrefixLen: integer("int"),
  DNSNames: list(text),
});
export type EndpointSettings = Partial<Decoded<typeof endpointShape>>;

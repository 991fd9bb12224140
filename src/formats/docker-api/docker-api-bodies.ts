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
  pair,
  struct,
  text,
  textOf,
} from "../shape.ts";
import { endpointShape } from "./docker-api-config.ts";

/** The smaller bodies of the Docker Engine API. */

export const volumeCreateShape = struct("volume.CreateOptions", {
  Name: textOf(1024),
  Driver: textOf(255),
  DriverOpts: mapOf(text),
  Labels: mapOf(text),
  ClusterVolumeSpec: optional(emptyObject),
});

/** Body of `POST /volumes/create`. */
export type VolumeCreateRequest = Partial<Decoded<typeof volumeCreateShape>>;

export const networkCreateShape = struct("network.CreateRequest", {
  Name: textOf(1024),
  CheckDuplicate: flag,
  Driver: textOf(255),
  Scope: textOf(64),
  EnableIPv4: nullable(flag),
  EnableIPv6: nullable(flag),
  IPAM: nullable(
    struct("network.IPAM", {
      Driver: textOf(255),
      Options: mapOf(text),
      Config: list(
        struct("network.IPAMConfig", {
          Subnet: omitEmpty(textOf(64)),
          IPRange: omitEmpty(textOf(64)),
          Gateway: omitEmpty(textOf(64)),
          AuxiliaryAddresses: omitEmpty(mapOf(textOf(64))),
        }),
        100,
      ),
    }),
  ),
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigOnly: flag,
  ConfigFrom: nullable(struct("network.ConfigReference", { Network: textOf(1024) })),
  Options: mapOf(text),
  Labels: mapOf(text),
});

/** Body of `POST /networks/create`. */
export type NetworkCreateRequest = Partial<
  Omit<Decoded<typeof networkCreateShape>, "IPAM"> & {
    IPAM: Partial<NonNullable<Decoded<typeof networkCreateShape>["IPAM"]>> | null;
  }
>;

export const networkConnectShape = struct("network.ConnectRequest", {
  Container: textOf(1024),
  EndpointConfig: nullable(endpointShape),
});

export const networkDisconnectShape = struct("network.DisconnectRequest", {
  Container: textOf(1024),
  Force: flag,
});

export const execCreateShape = struct("container.ExecOptions", {
  User: textOf(1024),
  Privileged: flag,
  Tty: flag,
  ConsoleSize: nullable(pair(integer("uint"))),
  AttachStdin: flag,
  AttachStderr: flag,
  AttachStdout: flag,
  DetachKeys: textOf(1024),
  Env: list(text),
  WorkingDir: textOf(4096),
  Cmd: list(text),
});
/** Body of `POST /containers/{id}/exec`. */
export type ExecCreateRequest = Partial<Decoded<typeof execCreateShape>>;

export const execStartShape = struct("container.ExecStartOptions", {
  Detach: flag,
  /** Absent from clients that leave it to the exec. */
  Tty: optional(flag),
  ConsoleSize: nullable(pair(integer("uint"))),
});

export const authShape = struct("registry.AuthConfig", {
  username: textOf(4096),
  password: text,
  auth: text,
  email: textOf(4096),
  serveraddress: textOf(4096),
  identitytoken: text,
  registrytoken: text,
});

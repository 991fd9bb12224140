import {
  authShape,
  execCreateShape,
  execStartShape,
  networkCreateShape,
  volumeCreateShape,
} from "../../src/formats/docker-api/docker-api-bodies.ts";
import { configShape } from "../../src/formats/docker-api/docker-api-config.ts";
import { createShape, updateShape } from "../../src/formats/docker-api/docker-api-host-config.ts";
import { partial, type Shape } from "../../src/formats/shape.ts";

/** A body as the specification of the Docker Engine API shows it, and how it is read. */
interface Example {
  /** "POST /containers/create", as in the table of routes. */
  operation: string;
  shape: Shape<unknown>;
  body: object;
}

const config = {
  Hostname: "web",
  Domainname: "example.com",
  User: "1000:1000",
  AttachStdout: true,
  ExposedPorts: { "80/tcp": {}, "8000-8010/udp": {} },
  Tty: false,
  Env: ["A=b", "C="],
  Cmd: ["sleep", "1"],
  Healthcheck: { Test: ["NONE"], Interval: 1_000_000_000, Retries: 3 },
  Volumes: { "/data": {} },
  WorkingDir: "/work",
  Entrypoint: ["/bin/sh", "-c"],
  Labels: { "com.example.key": "value" },
  StopSignal: "SIGTERM",
  StopTimeout: 10,
};
const limits = {
  CpuShares: 512,
  Memory: 67_108_864,
  NanoCpus: 500_000_000,
  CpuPeriod: 100_000,
  CpuQuota: 50_000,
  CpusetCpus: "0-1",
  CpusetMems: "0",
  MemoryReservation: 33_554_432,
  MemorySwap: 134_217_728,
  PidsLimit: 100,
  BlkioWeight: 500,
};

/** Nothing of the host is bound or given: these are sent to an engine that runs as root. */
const hostConfig = {
  ...limits,
  LogConfig: { Type: "json-file", Config: { "max-size": "1m", "max-file": "2" } },
  NetworkMode: "bridge",
  PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] },
  RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
  VolumesFrom: ["base:ro"],
  Mounts: [
    { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1024, Mode: 493, Options: [["noexec"]] } },
  ],
  CapAdd: ["NET_ADMIN"],
  CapDrop: ["ALL"],
  Dns: ["127.0.0.53"],
  ExtraHosts: ["host:127.0.0.1", "other:host-gateway"],
  GroupAdd: ["100"],
  IpcMode: "private",
  OomScoreAdj: 100,
  SecurityOpt: ["no-new-privileges", "seccomp=unconfined", "label=disable"],
  Tmpfs: { "/run": "size=1m,mode=755" },
  Sysctls: { "net.ipv4.ip_forward": "1" },
  ShmSize: 1_048_576,
  Ulimits: [{ Name: "nofile", Soft: 100, Hard: 200 }],
  DeviceCgroupRules: ["c 1:3 rwm"],
  ConsoleSize: [24, 80],
  Init: false,
};

export const examples: readonly Example[] = [
  {
    operation: "POST /containers/create",
    shape: createShape,
    body: {
      Image: "busybox",
      ...config,
      HostConfig: hostConfig,
      NetworkingConfig: {
        EndpointsConfig: {
          bridge: {
            IPAMConfig: { IPv4Address: "10.1.2.3" },
            Aliases: ["a"],
            MacAddress: "02:42:0a:01:02:03",
          },
        },
      },
    },
  },
  {
    operation: "POST /containers/:id/update",
    shape: updateShape,
    body: { ...limits, RestartPolicy: { Name: "always", MaximumRetryCount: 0 } },
  },
  { operation: "POST /commit", shape: partial(configShape), body: config },
  {
    operation: "POST /containers/:id/exec",
    shape: execCreateShape,
    body: {
      AttachStdout: true,
      Cmd: ["true"],
      Env: ["A=b"],
      DetachKeys: "ctrl-p,ctrl-q",
      User: "0",
      WorkingDir: "/",
    },
  },
  {
    operation: "POST /exec/:id/start",
    shape: execStartShape,
    body: { Detach: true, Tty: false, ConsoleSize: [1, 2] },
  },
  {
    operation: "POST /volumes/create",
    shape: volumeCreateShape,
    body: {
      Name: "data",
      Driver: "local",
      DriverOpts: { type: "tmpfs", device: "tmpfs", o: "size=1m" },
      Labels: { a: "b" },
    },
  },
  {
    operation: "POST /networks/create",
    shape: networkCreateShape,
    body: {
      Name: "net",
      Driver: "bridge",
      CheckDuplicate: true,
      EnableIPv4: true,
      IPAM: { Driver: "default", Config: [{ Subnet: "10.199.7.0/24", Gateway: "10.199.7.1" }], Options: {} },
      Options: { "com.docker.network.driver.mtu": "1400" },
      Labels: { a: "b" },
    },
  },
  { operation: "POST /auth", shape: authShape, body: { username: "", password: "", serveraddress: "" } },
];

import path from "node:path";
import type { ContainerCreateRequest, HostConfig, PortMap } from "../../formats/docker-api.ts";
import { parseExposeSpec, parsePortSpec } from "../../formats/port-spec.ts";
import type { ProxyConfig } from "../cli.ts";
import type { FlagValues } from "../flag.ts";
import { parseDevices } from "./create-devices.ts";
import type { createFlags } from "./create-flags.ts";
import { parseNetworking } from "./create-network.ts";
import { readPairFiles, toPairs } from "./env-file.ts";
import { proxyEnv } from "./proxy-env.ts";
import { parseSecurity } from "./security-opt.ts";

export type CreateFlags = FlagValues<typeof createFlags>;

export interface CreateInput {
  flags: CreateFlags;
  given: ReadonlySet<string>;
  image: string;
  command: readonly string[];
  env: Record<string, string | undefined>;
  /** The daemon's socket, for --use-api-socket. */
  apiSocket: string;
  /** Proxies of config.json for this daemon. */
  proxies?: { all: Record<string, ProxyConfig> | undefined; host: string };
}

/** The body of `POST /containers/create` for a command line, as Docker's CLI sends it. @throws Error in Docker's words */
export function createBody(input: CreateInput): ContainerCreateRequest & { HostConfig: Partial<HostConfig> } {
  const { flags, given, image, command, env } = input;
  const swappiness = flags["memory-swappiness"];
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100)) {
    throw new Error(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  }
  const isAttached = (stream: string) => flags.attach.includes(stream);
  const isDefault = flags.attach.length === 0;
  const attachStdin = isAttached("stdin") || flags.interactive;
  const ports = parsePorts(flags);
  const volumes = parseVolumes(flags.volume);
  const ownEnvironment = [
    ...readPairFiles(flags["env-file"], env),
    ...flags.env.flatMap((text) => resolveEnv(text, env)),
  ];
  const environment = [
    ...proxyEnv(input.proxies?.all, input.proxies?.host ?? "", ownEnvironment),
    ...ownEnvironment,
  ];
  const labels = toPairs([...readPairFiles(flags["label-file"], undefined), ...flags.label]);
  const healthcheck = parseHealth(flags, given);
  const networking = parseNetworking(flags);
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: attachStdin,
    AttachStdout: isAttached("stdout") || isDefault,
    AttachStderr: isAttached("stderr") || isDefault,
    ...(Object.keys(ports.exposed).length > 0 && { ExposedPorts: ports.exposed }),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && attachStdin,
    Env: environment.length > 0 ? environment : null,
    Cmd: command.length > 0 ? [...command] : null,
    ...(healthcheck !== undefined && { Healthcheck: healthcheck }),
    Image: image,
    Volumes: volumes.anonymous,
    WorkingDir: flags.workdir,
    Entrypoint: given.has("entrypoint") ? [flags.entrypoint] : null,
    OnBuild: null,
    Labels: labels,
    ...(flags["stop-signal"] !== "" && { StopSignal: flags["stop-signal"] }),
    ...(flags["stop-timeout"] !== undefined && { StopTimeout: flags["stop-timeout"] }),
    HostConfig: { ...hostConfig(input, volumes.binds, ports.bindings), NetworkMode: networking.mode },
    NetworkingConfig: { EndpointsConfig: networking.endpoints },
  };
}

function hostConfig(input: CreateInput, binds: string[], bindings: PortMap): Partial<HostConfig> {
  const { flags, given } = input;
  const devices = parseDevices(flags.device);
  const requests = [...flags.gpus, ...devices.requests];
  const mounts = [...flags.mount];
  if (flags["use-api-socket"]) {
    mounts.push({ Type: "bind", Source: input.apiSocket, Target: "/var/run/docker.sock", BindOptions: {} });
  }
  const tmpfs = Object.fromEntries(flags.tmpfs.map((text) => splitAt(text, ":")));
  return {
    Binds: orNull(binds),
    ContainerIDFile: flags.cidfile,
    LogConfig: { Type: flags["log-driver"], Config: toPairs(flags["log-opt"]) },
    PortBindings: bindings,
    RestartPolicy: parseRestart(flags.restart, flags.rm),
    AutoRemove: flags.rm,
    VolumeDriver: flags["volume-driver"],
    VolumesFrom: orNull(flags["volumes-from"]),
    ConsoleSize: [0, 0],
    ...(Object.keys(flags.annotation).length > 0 && { Annotations: flags.annotation }),
    CapAdd: orNull(capabilities(flags["cap-add"])),
    CapDrop: orNull(capabilities(flags["cap-drop"])),
    CgroupnsMode: checkMode("--cgroupns", "CGROUP", flags.cgroupns, ["", "host", "private"]),
    Dns: flags.dns,
    DnsOptions: [...flags["dns-option"], ...flags["dns-opt"]],
    DnsSearch: flags["dns-search"],
    ExtraHosts: orNull(flags["add-host"]),
    GroupAdd: orNull(flags["group-add"]),
    IpcMode: flags.ipc,
    Cgroup: "",
    Links: orNull(flags.link),
    OomScoreAdj: flags["oom-score-adj"],
    PidMode: checkMode("--pid", "PID", flags.pid, ["", "host"]),
    Privileged: flags.privileged,
    PublishAllPorts: flags["publish-all"],
    ReadonlyRootfs: flags["read-only"],
    ...parseSecurity(flags["security-opt"]),
    ...(flags["storage-opt"].length > 0 && { StorageOpt: parseStorage(flags["storage-opt"]) }),
    ...(flags.tmpfs.length > 0 && { Tmpfs: tmpfs }),
    UTSMode: checkMode("--uts", "UTS", flags.uts, ["", "host"]),
    UsernsMode: checkMode("--userns", "USER", flags.userns, ["", "host"]),
    ShmSize: flags["shm-size"],
    ...(Object.keys(flags.sysctl).length > 0 && { Sysctls: flags.sysctl }),
    ...(flags.runtime !== "" && { Runtime: flags.runtime }),
    Isolation: flags.isolation,
    ...resources(flags),
    Devices: devices.mappings,
    DeviceRequests: requests.length > 0 ? requests : null,
    ...(mounts.length > 0 && { Mounts: mounts }),
    ...(given.has("init") && { Init: flags.init }),
  };
}

function resources(flags: CreateFlags): Partial<HostConfig> & Record<string, unknown> {
  return {
    CpuShares: flags["cpu-shares"],
    Memory: flags.memory,
    NanoCpus: flags.cpus,
    CgroupParent: flags["cgroup-parent"],
    BlkioWeight: flags["blkio-weight"],
    BlkioWeightDevice: flags["blkio-weight-device"],
    BlkioDeviceReadBps: flags["device-read-bps"],
    BlkioDeviceWriteBps: flags["device-write-bps"],
    BlkioDeviceReadIOps: flags["device-read-iops"],
    BlkioDeviceWriteIOps: flags["device-write-iops"],
    CpuPeriod: flags["cpu-period"],
    CpuQuota: flags["cpu-quota"],
    CpuRealtimePeriod: flags["cpu-rt-period"],
    CpuRealtimeRuntime: flags["cpu-rt-runtime"],
    CpusetCpus: flags["cpuset-cpus"],
    CpusetMems: flags["cpuset-mems"],
    DeviceCgroupRules: orNull(flags["device-cgroup-rule"]),
    MemoryReservation: flags["memory-reservation"],
    MemorySwap: flags["memory-swap"],
    MemorySwappiness: flags["memory-swappiness"],
    OomKillDisable: flags["oom-kill-disable"],
    PidsLimit: flags["pids-limit"],
    Ulimits: [...flags.ulimit].sort((a, b) => (a.Name < b.Name ? -1 : 1)),
    CpuCount: flags["cpu-count"],
    CpuPercent: flags["cpu-percent"],
    IOMaximumIOps: flags["io-maxiops"],
    IOMaximumBandwidth: flags["io-maxbandwidth"],
  };
}

/** `net_raw` → `CAP_NET_RAW`, sorted, each once. */
function capabilities(names: readonly string[]): string[] {
  const full = names
    .map((name) => name.trim().toUpperCase())
    .map((name) => {
      return name === "ALL" || name.startsWith("CAP_") ? name : `CAP_${name}`;
    });
  return [...new Set(full)].sort();
}

const orNull = (items: readonly string[]) => (items.length > 0 ? [...items] : null);

function splitAt(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** `-e NAME` takes the value from the caller's environment, and nothing when it has none. */
export function resolveEnv(text: string, env: Record<string, string | undefined>): string[] {
  if (text.includes("=")) return [text];
  // The name alone takes a variable of the image away.
  return env[text] === undefined ? [text] : [`${text}=${env[text]}`];
}

function checkMode(flag: string, name: string, mode: string, allowed: readonly string[]): string {
  if (allowed.includes(mode) || (flag === "--pid" && /^container:.+/.test(mode))) return mode;
  throw new Error(`${flag}: invalid ${name} mode`);
}

function parsePorts(flags: CreateFlags): { exposed: Record<string, object>; bindings: PortMap } {
  const exposed: Record<string, object> = {};
  const bindings: PortMap = {};
  for (const { port, binding } of flags.publish.flatMap(parsePortSpec)) {
    exposed[port] = {};
    bindings[port] = [...(bindings[port] ?? []), binding];
  }
  for (const port of flags.expose.flatMap(parseExposeSpec)) exposed[port] = {};
  return { exposed, bindings };
}

function parseVolumes(specs: readonly string[]): { binds: string[]; anonymous: Record<string, object> } {
  const binds: string[] = [];
  const anonymous: Record<string, object> = {};
  for (const spec of specs) {
    if (!spec.includes(":")) {
      anonymous[spec] = {};
      continue;
    }
    if (spec.split(":").includes("")) throw new Error(`invalid spec: ${spec}: empty section between colons`);
    const [source, rest] = splitAt(spec, ":");
    binds.push(source.startsWith(".") ? `${path.resolve(source)}:${rest}` : spec);
  }
  return { binds, anonymous };
}

export function parseRestart(text: string, isRemoved = false): HostConfig["RestartPolicy"] {
  const [name, count] = splitAt(text, ":");
  if (text.includes(":") && !/^\d+$/.test(count)) {
    throw new Error("invalid restart policy format: maximum retry count must be an integer");
  }
  if (text.startsWith(":")) throw new Error("invalid restart policy format: no policy provided before colon");
  if (isRemoved && name !== "" && name !== "no") {
    throw new Error("conflicting options: cannot specify both --restart and --rm");
  }
  return { Name: name as HostConfig["RestartPolicy"]["Name"], MaximumRetryCount: Number(count) };
}

function parseHealth(flags: CreateFlags, given: ReadonlySet<string>) {
  const names = ["cmd", "interval", "timeout", "start-period", "start-interval", "retries"];
  const isSet = names.some((name) => given.has(`health-${name}`));
  if (flags["no-healthcheck"]) {
    if (isSet) throw new Error("--no-healthcheck conflicts with --health-* options");
    return { Test: ["NONE"] };
  }
  if (!isSet) return undefined;
  const times = {
    Interval: flags["health-interval"],
    Timeout: flags["health-timeout"],
    StartPeriod: flags["health-start-period"],
    StartInterval: flags["health-start-interval"],
    Retries: flags["health-retries"],
  };
  for (const [name, value] of Object.entries(times)) {
    if ((value ?? 0) < 0) throw new Error(`--health-${name.toLowerCase()} cannot be negative`);
  }
  const test = flags["health-cmd"] === "" ? {} : { Test: ["CMD-SHELL", flags["health-cmd"]] };
  return { ...test, ...Object.fromEntries(Object.entries(times).filter(([, value]) => value)) };
}

function parseStorage(options: readonly string[]): Record<string, string> {
  if (options.some((option) => !option.includes("="))) throw new Error("invalid storage option");
  return toPairs(options);
}

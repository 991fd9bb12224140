import type { HostConfig, PortMap } from "../../formats/docker-api/docker-api.ts";
import { parseDevices } from "./create-devices.ts";
import type { CreateFlags } from "./create-flags.ts";
import type { CreateInput } from "./create-input.ts";
import { splitAt, toPairs } from "./env-file.ts";
import { parseSecurity } from "./security-opt.ts";

/** The HostConfig of a create request, all but the network. */
export function hostConfig(input: CreateInput, binds: string[], bindings: PortMap): Partial<HostConfig> {
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

function checkMode(flag: string, name: string, mode: string, allowed: readonly string[]): string {
  if (allowed.includes(mode) || (flag === "--pid" && /^container:.+/.test(mode))) return mode;
  throw new Error(`${flag}: invalid ${name} mode`);
}

export function parseRestart(text: string, isRemoved = false): HostConfig["RestartPolicy"] {
  const [name, count] = splitAt(text, ":");
  if (!/^([+-]?\d{1,18})?$/.test(count)) {
    throw new Error("invalid restart policy format: maximum retry count must be an integer");
  }
  if (text.startsWith(":")) throw new Error("invalid restart policy format: no policy provided before colon");
  if (isRemoved && name !== "" && name !== "no") {
    throw new Error("conflicting options: cannot specify both --restart and --rm");
  }
  return { Name: name as HostConfig["RestartPolicy"]["Name"], MaximumRetryCount: Number(count) };
}

function parseStorage(options: readonly string[]): Record<string, string> {
  if (options.some((option) => !option.includes("="))) throw new Error("invalid storage option");
  return toPairs(options);
}

import { statSync } from "node:fs";
import { cpus } from "node:os";
import { invalid } from "../errors.ts";
import type { Resources, ThrottleDevice } from "../formats/docker-api.ts";
import { cgroupLayout, hasOnlyBfqWeight, readCpuset } from "../sys/cgroup.ts";
import type { OciResources } from "./oci-spec.ts";

/** What Docker refuses in resource limits, whoever runs the container. @throws EngineError invalid */
export function checkResources(r: Resources): void {
  const mebibyte = 1 << 20;
  if (r.Memory !== 0 && r.Memory < 6 * mebibyte) throw invalid("Minimum memory limit allowed is 6MB");
  if (r.MemorySwap > 0 && r.Memory === 0) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (r.MemorySwap > 0 && r.MemorySwap < r.Memory) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (r.Memory > 0 && r.MemoryReservation > r.Memory) {
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
  if (r.NanoCpus > 0 && (r.CpuPeriod > 0 || r.CpuQuota > 0)) {
    throw invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (r.CpuPeriod !== 0 && (r.CpuPeriod < 1000 || r.CpuPeriod > 1_000_000)) {
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (r.CpuQuota > 0 && r.CpuQuota < 1000)
    throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  if (r.BlkioWeight !== 0 && (r.BlkioWeight < 10 || r.BlkioWeight > 1000)) {
    throw invalid("Range of blkio weight is from 10 to 1000");
  }
  const processors = cpus().length;
  if (r.NanoCpus < 0 || r.NanoCpus > processors * 1e9) {
    throw invalid(
      `Range of CPUs is from 0.01 to ${processors}.00, as there are only ${processors} CPUs available`,
    );
  }
  checkCpuset("cpus", "CPUs", r.CpusetCpus);
  checkCpuset("mems", "memory nodes", r.CpusetMems);
  const { MemorySwappiness: swappiness } = r;
  if (typeof swappiness === "number" && (swappiness < -1 || swappiness > 100)) {
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
}

function checkCpuset(file: "cpus" | "mems", what: string, wanted: string): void {
  if (wanted === "") return;
  const numbers = parseNumberList(wanted);
  if (!numbers) throw invalid(`Invalid value ${wanted} for cpuset ${file}: invalid format: ${wanted}`);
  const available = readCpuset(file);
  const present = parseNumberList(available) ?? [];
  if (!numbers.every((number) => present.includes(number))) {
    throw invalid(`Requested ${what} are not available - requested ${wanted}, available: ${available}`);
  }
}

/** "0-2,5" as the kernel writes lists; undefined when it is none. */
function parseNumberList(text: string): number[] | undefined {
  const numbers: number[] = [];
  for (const part of text.split(",")) {
    const [, first, last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part) ?? [];
    if (first === undefined || Number(first) > Number(last)) return undefined;
    for (let number = Number(first); number <= Number(last); number++) numbers.push(number);
  }
  return numbers;
}

/**
 * Takes out the limits that cgroup v2 does not have any more.
 * @returns Docker's warnings of them
 * @throws EngineError invalid where Docker does not go on without
 */
export function discardUnsupported(r: Resources): string[] {
  if (cgroupLayout() !== "v2") return [];
  const warnings: string[] = [];
  if (r.CpuRealtimePeriod || r.CpuRealtimeRuntime) {
    throw invalid("Your kernel does not support CPU real-time scheduler");
  }
  if (r.MemorySwappiness !== null) {
    if (r.MemorySwappiness >= 0) {
      warnings.push(
        "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
      );
    }
    r.MemorySwappiness = null;
  }
  if (r.OomKillDisable) {
    warnings.push("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
    r.OomKillDisable = false;
  }
  return warnings;
}

/** More than the kernel ever runs: Docker's "no limit" (below zero) for runtimes, of which crun does not know -1. */
const mostProcesses = 4_194_304;

/** Docker's resource settings as the OCI runtime takes them; the runtime translates them for cgroup v2. */
export function encodeResources(r: Resources): Omit<OciResources, "devices"> {
  const memory = defined({
    limit: r.Memory || undefined,
    reservation: r.MemoryReservation || undefined,
    swap: r.MemorySwap || undefined,
    swappiness: r.MemorySwappiness === null || r.MemorySwappiness < 0 ? undefined : r.MemorySwappiness,
    disableOOMKiller: r.OomKillDisable || undefined,
  });
  const cpu = defined({
    shares: r.CpuShares || undefined,
    quota: r.NanoCpus ? Math.round(r.NanoCpus / 10_000) : r.CpuQuota || undefined,
    period: r.NanoCpus ? 100_000 : r.CpuPeriod || undefined,
    realtimeRuntime: r.CpuRealtimeRuntime || undefined,
    realtimePeriod: r.CpuRealtimePeriod || undefined,
    cpus: r.CpusetCpus || undefined,
    mems: r.CpusetMems || undefined,
  });
  const blockIO = defined({
    weight: (!hasOnlyBfqWeight() && r.BlkioWeight) || undefined,
    weightDevice: r.BlkioWeightDevice?.map(({ Path, Weight }) => ({ ...deviceNumber(Path), weight: Weight })),
    throttleReadBpsDevice: throttles(r.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttles(r.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttles(r.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttles(r.BlkioDeviceWriteIOps),
  });
  return {
    ...(memory && { memory }),
    ...(cpu && { cpu }),
    ...(blockIO && { blockIO }),
    ...(r.PidsLimit && { pids: { limit: r.PidsLimit > 0 ? r.PidsLimit : mostProcesses } }),
  };
}

function throttles(devices: ThrottleDevice[] | null) {
  if (!devices?.length) return undefined;
  return devices.map(({ Path, Rate }) => ({ ...deviceNumber(Path), rate: Rate }));
}

function deviceNumber(path: string): { major: number; minor: number } {
  try {
    const { rdev } = statSync(path);
    return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
  } catch (error) {
    throw invalid(`no such device: ${path}`, error);
  }
}

/** Without the undefined; undefined itself when nothing is left. */
function defined<V>(fields: Record<string, V | undefined>): Record<string, V> | undefined {
  const entries = Object.entries(fields).filter((entry): entry is [string, V] => entry[1] !== undefined);
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

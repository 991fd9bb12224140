import { statSync } from "node:fs";
import { invalid } from "../errors.ts";
import type { Resources, ThrottleDevice } from "../formats/docker-api.ts";
import { cgroupLayout, hasOnlyBfqWeight } from "../sys/cgroup.ts";
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
  const { MemorySwappiness: swappiness } = r;
  if (typeof swappiness === "number" && (swappiness < -1 || swappiness > 100)) {
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
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
    ...(r.PidsLimit && r.PidsLimit !== 0 && { pids: { limit: r.PidsLimit } }),
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

import { statSync } from "node:fs";
import { cpus } from "node:os";
import { invalid } from "../errors.ts";
import { decodeDevice } from "../formats/device-number.ts";
import type { Resources, ThrottleDevice } from "../formats/docker-api/docker-api.ts";
import { cgroupLayout, hasBlockWeight, hasOnlyBfqWeight, readCpuset } from "../sys/cgroup.ts";
import type { OciResources } from "./oci-spec.ts";

/**
 * What Docker refuses in resource limits, whichever runtime is used.
 * @param isUpdate they are only what is to change: what they are measured by may be set already, and the start sees them together
 * @throws EngineError invalid
 */
export function checkResources(r: Resources, isUpdate = false): void {
  if (r.CpuShares < 0 && !isUpdate) {
    throw invalid(`invalid CPU shares (${r.CpuShares}): value must be a positive integer`);
  }
  checkMemory(r, isUpdate);
  checkProcessors(r);
  if (r.BlkioWeight !== 0 && hasBlockWeight() && (r.BlkioWeight < 10 || r.BlkioWeight > 1000)) {
    throw invalid("Range of blkio weight is from 10 to 1000");
  }
}

const leastMemoryBytes = 6 << 20;

function checkMemory(r: Resources, isUpdate: boolean): void {
  if (r.Memory !== 0 && r.Memory < leastMemoryBytes) throw invalid("Minimum memory limit allowed is 6MB");
  if (r.MemoryReservation !== 0 && r.MemoryReservation < leastMemoryBytes) {
    throw invalid("Minimum memory reservation allowed is 6MB");
  }
  if (r.MemorySwap > 0 && r.Memory === 0 && !isUpdate) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (r.MemorySwap > 0 && r.MemorySwap < r.Memory) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (r.Memory > 0 && r.MemoryReservation > r.Memory) {
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
  const { MemorySwappiness: swappiness } = r;
  if (swappiness !== null && (swappiness < -1 || swappiness > 100)) {
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
}

function checkProcessors(r: Resources): void {
  if (r.NanoCpus > 0 && r.CpuPeriod > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (r.NanoCpus > 0 && r.CpuQuota > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  if (r.CpuPeriod !== 0 && (r.CpuPeriod < 1000 || r.CpuPeriod > 1_000_000)) {
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (r.CpuQuota > 0 && r.CpuQuota < 1000)
    throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  const processors = cpus().length;
  if (r.NanoCpus < 0 || r.NanoCpus > processors * 1e9) {
    throw invalid(
      `range of CPUs is from 0.01 to ${processors}.00, as there are only ${processors} CPUs available`,
    );
  }
  checkCpuset("cpus", "CPUs", r.CpusetCpus);
  checkCpuset("mems", "memory nodes", r.CpusetMems);
}

function checkCpuset(file: "cpus" | "mems", what: string, wanted: string): void {
  if (wanted === "") return;
  const ranges = parseRanges(wanted);
  if (!ranges) throw invalid(`Invalid value ${wanted} for cpuset ${file}: invalid format: ${wanted}`);
  const available = readCpuset(file);
  const present = parseRanges(available) ?? [];
  const isThere = ([first, last]: Range) => present.some(([low, high]) => low <= first && last <= high);
  if (!ranges.every(isThere)) {
    throw invalid(`Requested ${what} are not available - requested ${wanted}, available: ${available}`);
  }
}

type Range = [first: number, last: number];

/** "0-2,5" as the kernel writes lists, neighbours joined; undefined when it is none. */
function parseRanges(text: string): Range[] | undefined {
  const ranges: Range[] = [];
  for (const part of text.split(",")) {
    const [, first, last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part) ?? [];
    if (first === undefined || Number(first) > Number(last)) return undefined;
    ranges.push([Number(first), Number(last)]);
  }
  ranges.sort(([a], [b]) => a - b);
  return ranges.reduce<Range[]>((joined, [first, last]) => {
    const previous = joined.at(-1);
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else joined.push([first, last]);
    return joined;
  }, []);
}

/** Takes out a weight that the kernel cannot give. @returns Docker's warning of it */
export function discardBlockWeight(r: Resources): string[] {
  if (r.BlkioWeight === 0 || hasBlockWeight()) return [];
  r.BlkioWeight = 0;
  return ["Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."];
}

/**
 * Takes out the limits that this kernel, or cgroup v2, does not have any more.
 * @returns Docker's warnings of them
 * @throws EngineError invalid where Docker does not go on without
 */
export function discardUnsupported(r: Resources): string[] {
  const warnings = discardBlockWeight(r);
  if (cgroupLayout() !== "v2") return warnings;
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
    quota: r.NanoCpus ? Math.round(r.NanoCpus / 10_000) : positive(r.CpuQuota),
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
    ...(r.PidsLimit !== null && { pids: { limit: r.PidsLimit > 0 ? r.PidsLimit : mostProcesses } }),
  };
}

/** Less than nothing is no limit, which is what a new cgroup has. */
const positive = (value: number) => (value > 0 ? value : undefined);

/** Limits for a cgroup that has some, where what is lifted must be said. */
export function encodeUpdate(r: Resources): Omit<OciResources, "devices"> {
  return encodeResources({ ...r, CpuQuota: r.CpuQuota < 0 ? unlimitedMicroseconds : r.CpuQuota });
}

/** More than there ever is in a period, and not more than the kernel takes: crun makes of -1 what it does not. */
const unlimitedMicroseconds = 2 ** 43;

function throttles(devices: ThrottleDevice[] | null) {
  if (!devices?.length) return undefined;
  return devices.map(({ Path, Rate }) => ({ ...deviceNumber(Path), rate: Rate }));
}

function deviceNumber(path: string): { major: number; minor: number } {
  try {
    return decodeDevice(statSync(path, { bigint: true }).rdev);
  } catch (error) {
    throw invalid(`no such device: ${path}`, error);
  }
}

/** Without the undefined; undefined itself when nothing is left. */
function defined<V>(fields: Record<string, V | undefined>): Record<string, V> | undefined {
  const entries = Object.entries(fields).filter((entry): entry is [string, V] => entry[1] !== undefined);
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

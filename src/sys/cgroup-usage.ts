import { join } from "node:path";
import { cgroupFolder, cgroupLayout } from "./cgroup.ts";
import { type KernelFile, openKernelFile, parsing } from "./kernel-file.ts";

/** What a cgroup has used, as its kernel counts it. */
export interface CgroupUsage {
  cpu: {
    totalNanoseconds: number;
    userNanoseconds: number;
    kernelNanoseconds: number;
    /** Of each processor; cgroup v1 only. */
    perCpuNanoseconds?: number[];
    periods: number;
    throttledPeriods: number;
    throttledNanoseconds: number;
  };
  /** Absent where the kernel does not count it. */
  memory?: {
    usageBytes: number;
    largestUsageBytes?: number;
    limitBytes: number;
    stat: Record<string, number>;
  };
  pids?: { current: number; limit?: number };
  /** By device: bytes and operations. */
  blocks: { major: number; minor: number; operation: string; bytes: number; count: number }[];
}

/** The counters of one cgroup. The owner closes them. */
export interface CgroupCounters {
  /**
   * Gives the same object again where nothing in the cgroup has run since, for up to four readings.
   * @throws Node's ENODEV when the cgroup is gone
   */
  read(): CgroupUsage;
  close(): void;
}

/** @param path from the root of each hierarchy */
export function openCgroupCounters(path: string): CgroupCounters {
  const open = (controller: string, name: string) =>
    openKernelFile(join(cgroupFolder(path, controller), name));
  return cgroupLayout() === "v2" ? openUnified(open) : openHierarchies(open);
}

type Open = (controller: string, name: string) => KernelFile | undefined;

function openUnified(open: Open): CgroupCounters {
  const files = {
    cpu: open("", "cpu.stat"),
    memory: open("", "memory.current"),
    memoryLimit: open("", "memory.max"),
    memoryStat: open("", "memory.stat"),
    pids: open("", "pids.current"),
    pidsLimit: open("", "pids.max"),
    io: open("", "io.stat"),
  };
  const readMemoryStat = parsing(files.memoryStat, parsePairs);
  const readBlocks = parsing(files.io, parseUnifiedIo);
  const readLimits = () => limitsOf(files.memoryLimit?.read(), files.pidsLimit?.read());
  const readRest = (cpu: Record<string, number>, limits: Limits): CgroupUsage => {
    const nanoseconds = (key: string) => (cpu[key] ?? 0) * 1000;
    return {
      cpu: {
        totalNanoseconds: nanoseconds("usage_usec"),
        userNanoseconds: nanoseconds("user_usec"),
        kernelNanoseconds: nanoseconds("system_usec"),
        periods: cpu.nr_periods ?? 0,
        throttledPeriods: cpu.nr_throttled ?? 0,
        throttledNanoseconds: nanoseconds("throttled_usec"),
      },
      ...(files.memory && {
        memory: {
          usageBytes: Number(files.memory.read()),
          limitBytes: limits.memoryBytes,
          stat: readMemoryStat(),
        },
      }),
      ...(files.pids && { pids: pidsOf(files.pids.read(), limits) }),
      blocks: readBlocks(),
    };
  };
  return {
    read: readAsNeeded(parsing(files.cpu, parsePairs), readLimits, readRest),
    close: () => closeAll(files),
  };
}

const nanosecondsPerTick = 10_000_000;

function openHierarchies(open: Open): CgroupCounters {
  const files = {
    perCpu: open("cpuacct", "cpuacct.usage_percpu"),
    shares: open("cpuacct", "cpuacct.stat"),
    cpu: open("cpu", "cpu.stat"),
    memory: open("memory", "memory.usage_in_bytes"),
    memoryMost: open("memory", "memory.max_usage_in_bytes"),
    memoryLimit: open("memory", "memory.limit_in_bytes"),
    memoryStat: open("memory", "memory.stat"),
    pids: open("pids", "pids.current"),
    pidsLimit: open("pids", "pids.max"),
    bytes: open("blkio", "blkio.throttle.io_service_bytes_recursive"),
    counts: open("blkio", "blkio.throttle.io_serviced_recursive"),
  };
  const readCpu = parsing(files.cpu, parsePairs);
  const readShares = parsing(files.shares, parsePairs);
  const readMemoryStat = parsing(files.memoryStat, parsePairs);
  const readBytes = parsing(files.bytes, parseThrottle);
  const readCounts = parsing(files.counts, parseThrottle);
  const readLimits = () => limitsOf(files.memoryLimit?.read(), files.pidsLimit?.read());
  const readRest = (perCpuNanoseconds: number[], limits: Limits): CgroupUsage => {
    const [cpu, shares] = [readCpu(), readShares()];
    return {
      cpu: {
        // As the kernel's own cpuacct.usage.
        totalNanoseconds: perCpuNanoseconds.reduce((sum, one) => sum + one, 0),
        userNanoseconds: (shares.user ?? 0) * nanosecondsPerTick,
        kernelNanoseconds: (shares.system ?? 0) * nanosecondsPerTick,
        perCpuNanoseconds,
        periods: cpu.nr_periods ?? 0,
        throttledPeriods: cpu.nr_throttled ?? 0,
        throttledNanoseconds: cpu.throttled_time ?? 0,
      },
      ...(files.memory && {
        memory: {
          usageBytes: Number(files.memory.read()),
          largestUsageBytes: Number(files.memoryMost?.read() ?? 0),
          limitBytes: limits.memoryBytes,
          stat: readMemoryStat(),
        },
      }),
      ...(files.pids && { pids: pidsOf(files.pids.read(), limits) }),
      blocks: joinBlocks(readBytes(), readCounts()),
    };
  };
  return {
    read: readAsNeeded(parsing(files.perCpu, parseNumbers), readLimits, readRest),
    close: () => closeAll(files),
  };
}

/** The largest that is allowed; infinite without a limit. */
interface Limits {
  memoryBytes: number;
  pids: number;
}

const limitsOf = (memory = "max", pids = "max"): Limits => ({
  memoryBytes: parseLimit(memory),
  pids: parseLimit(pids),
});

const readingsOfAll = 5;
let lastTurn = 0;

/**
 * What has had no processor since the reading before has done nothing itself, and limits hardly ever change. So of five readings one
 * looks at everything, and the others at the processor's time, and at the rest only where that has grown. In between the kernel may
 * take memory back, or write what has waited.
 * @param readCpu gives the same object as long as nothing has changed
 */
function readAsNeeded<Cpu extends object>(
  readCpu: () => Cpu,
  readLimits: () => Limits,
  readRest: (cpu: Cpu, limits: Limits) => CgroupUsage,
): () => CgroupUsage {
  let known: { cpu: Cpu; limits: Limits; usage: CgroupUsage } | undefined;
  // Not all in the same second.
  let turn = lastTurn++;
  return () => {
    const cpu = readCpu();
    const isTurn = turn++ % readingsOfAll === 0;
    if (known?.cpu === cpu && !isTurn) return known.usage;
    const limits = known && !isTurn ? known.limits : readLimits();
    known = { cpu, limits, usage: readRest(cpu, limits) };
    return known.usage;
  };
}

function closeAll(files: Record<string, KernelFile | undefined>): void {
  for (const file of Object.values(files)) file?.close();
}

/** "name 12" on each line. */
function parsePairs(text: string): Record<string, number> {
  const pairs: Record<string, number> = {};
  for (let start = 0; start < text.length; ) {
    const feed = text.indexOf("\n", start);
    const end = feed < 0 ? text.length : feed;
    const space = text.indexOf(" ", start);
    if (space > start && space < end) pairs[text.slice(start, space)] = Number(text.slice(space + 1, end));
    start = end + 1;
  }
  return pairs;
}

const parseNumbers = (text: string) => text.trim().split(" ").filter(Boolean).map(Number);

/** "max" is no limit. */
const parseLimit = (text: string) => (text.startsWith("max") ? Number.POSITIVE_INFINITY : Number(text));

function pidsOf(current: string, { pids: limit }: Limits): { current: number; limit?: number } {
  return { current: Number(current), ...(Number.isFinite(limit) && { limit }) };
}

/** "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …" on each line. */
function parseUnifiedIo(text: string): CgroupUsage["blocks"] {
  return text.split("\n").flatMap((line) => {
    const [device = "", ...fields] = line.split(" ");
    const [major, minor] = device.split(":").map(Number);
    if (major === undefined || minor === undefined) return [];
    const values = new Map(fields.map((field) => field.split("=") as [string, string]));
    const value = (key: string) => Number(values.get(key) ?? 0);
    return [
      { major, minor, operation: "read", bytes: value("rbytes"), count: value("rios") },
      { major, minor, operation: "write", bytes: value("wbytes"), count: value("wios") },
    ];
  });
}

interface ThrottleRow {
  major: number;
  minor: number;
  operation: string;
  value: number;
}

/** "8:0 Read 1" on each line. */
function parseThrottle(text: string): ThrottleRow[] {
  return text.split("\n").flatMap((line) => {
    const [, major, minor, operation = "", value] = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line) ?? [];
    return major ? [{ major: Number(major), minor: Number(minor), operation, value: Number(value) }] : [];
  });
}

/** Both are in the same order. */
function joinBlocks(bytes: ThrottleRow[], counts: ThrottleRow[]): CgroupUsage["blocks"] {
  return bytes.map(({ value, ...row }, index) => ({
    ...row,
    bytes: value,
    count: counts[index]?.value ?? 0,
  }));
}

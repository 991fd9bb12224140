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
  /** @throws Node's ENODEV when the cgroup is gone */
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
    memoryLimit: readNowAndThen(open("", "memory.max")),
    memoryStat: open("", "memory.stat"),
    pids: open("", "pids.current"),
    pidsLimit: readNowAndThen(open("", "pids.max")),
    io: open("", "io.stat"),
  };
  const readCpu = parsing(files.cpu, parsePairs);
  const readMemoryStat = parsing(files.memoryStat, parsePairs);
  const readBlocks = parsing(files.io, parseUnifiedIo);
  return {
    read() {
      const cpu = readCpu();
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
            limitBytes: parseLimit(files.memoryLimit?.read() ?? "max"),
            stat: readMemoryStat(),
          },
        }),
        ...(files.pids && { pids: parsePids(files.pids.read(), files.pidsLimit?.read() ?? "max") }),
        blocks: readBlocks(),
      };
    },
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
    memoryLimit: readNowAndThen(open("memory", "memory.limit_in_bytes")),
    memoryStat: open("memory", "memory.stat"),
    pids: open("pids", "pids.current"),
    pidsLimit: readNowAndThen(open("pids", "pids.max")),
    bytes: open("blkio", "blkio.throttle.io_service_bytes_recursive"),
    counts: open("blkio", "blkio.throttle.io_serviced_recursive"),
  };
  const readCpu = parsing(files.cpu, parsePairs);
  const readShares = parsing(files.shares, parsePairs);
  const readPerCpu = parsing(files.perCpu, parseNumbers);
  const readMemoryStat = parsing(files.memoryStat, parsePairs);
  const readBytes = parsing(files.bytes, parseThrottle);
  const readCounts = parsing(files.counts, parseThrottle);
  return {
    read() {
      const [cpu, shares, perCpuNanoseconds] = [readCpu(), readShares(), readPerCpu()];
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
            limitBytes: parseLimit(files.memoryLimit?.read() ?? "max"),
            stat: readMemoryStat(),
          },
        }),
        ...(files.pids && { pids: parsePids(files.pids.read(), files.pidsLimit?.read() ?? "max") }),
        blocks: joinBlocks(readBytes(), readCounts()),
      };
    },
    close: () => closeAll(files),
  };
}

const readingsOfLimit = 5;

/** Limits hardly ever change: of five readings one goes to the kernel. */
function readNowAndThen(file: KernelFile | undefined): KernelFile | undefined {
  if (!file) return undefined;
  let text = "";
  let readings = 0;
  return {
    read() {
      if (readings++ % readingsOfLimit === 0) text = file.read();
      return text;
    },
    close: file.close,
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

function parsePids(current: string, limit: string): { current: number; limit?: number } {
  const most = parseLimit(limit);
  return { current: Number(current), ...(Number.isFinite(most) && { limit: most }) };
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

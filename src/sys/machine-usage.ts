import { totalmem } from "node:os";
import { openKernelFile } from "./kernel-file.ts";

const stat = openKernelFile("/proc/stat");
const nanosecondsPerTick = 10_000_000;
/** User, nice, system, idle, iowait, irq and softirq: what follows is counted in these already, or by others. */
const countedFields = 7;

interface MachineCpu {
  nanoseconds: number;
  processors: number;
}

/** The kernel counts no finer, and takes as long for this as for all that it says of a container. */
const freshMilliseconds = 10;
let last: MachineCpu | undefined;
let lastAt = 0;

/** What the machine's processors have spent so far, idle or not, and how many of them are there. Read once for many containers. */
export function readMachineCpu(): MachineCpu {
  const now = performance.now();
  if (last && now - lastAt < freshMilliseconds) return last;
  last = readCpu();
  lastAt = now;
  return last;
}

function readCpu(): MachineCpu {
  const lines = (stat?.read() ?? "").split("\n");
  const [, ...fields] = (lines[0] ?? "").split(/\s+/);
  const ticks = fields.slice(0, countedFields).reduce((sum, field) => sum + Number(field), 0);
  return {
    nanoseconds: ticks * nanosecondsPerTick,
    processors: lines.filter((line) => /^cpu\d/.test(line)).length,
  };
}

const memoryFreshMilliseconds = 10_000;
let memory = { bytes: 0, readAt: Number.NEGATIVE_INFINITY };

/** In bytes. Node reads a file of the kernel's for it, and it changes only where memory is plugged in. */
export function readMachineMemory(): number {
  const now = performance.now();
  if (now - memory.readAt >= memoryFreshMilliseconds) memory = { bytes: totalmem(), readAt: now };
  return memory.bytes;
}

/** What went through a network interface. */
export interface InterfaceUsage {
  name: string;
  received: TrafficUsage;
  sent: TrafficUsage;
}

export interface TrafficUsage {
  bytes: number;
  packets: number;
  errors: number;
  dropped: number;
}

/** Of the text of /proc/net/dev, proc_pid_net(5), all interfaces but loopback. */
export function parseInterfaceUsage(text: string): InterfaceUsage[] {
  return text.split("\n").flatMap((line) => {
    const [, name, counters = ""] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    if (!name || name === "lo") return [];
    const values = counters.split(/\s+/).map(Number);
    const traffic = (first: number): TrafficUsage => {
      const [bytes = 0, packets = 0, errors = 0, dropped = 0] = values.slice(first, first + 4);
      return { bytes, packets, errors, dropped };
    };
    return [{ name, received: traffic(0), sent: traffic(8) }];
  });
}

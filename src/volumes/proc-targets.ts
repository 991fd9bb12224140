import { statfs } from "node:fs/promises";
import { invalid } from "../errors.ts";

/** What lxcfs and the like give a container in the place of the kernel's, as runc allows it. */
const replaceable = new Set(
  [
    ...["cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "net/dev"],
    ...["sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"],
  ].map((name) => `/proc/${name}`),
);
const procMagic = 0x9fa0;

/**
 * Refuses a mount over what the kernel tells in /proc, where runtimes and programs write labels and read limits: runc does so
 * at the start, crun does not.
 * @throws EngineError invalid, in runc's words
 */
export async function checkProcTarget(destination: string, source: string): Promise<void> {
  if (destination !== "/proc" && !destination.startsWith("/proc/")) return;
  if (replaceable.has(destination)) return;
  if (destination === "/proc") {
    if (source !== "" && (await isProc(source))) return;
    throw invalid(`"${destination}" cannot be mounted because it is not of type proc`);
  }
  throw invalid(`"${destination}" cannot be mounted because it is inside "/proc"`);
}

async function isProc(path: string): Promise<boolean> {
  try {
    return (await statfs(path)).type === procMagic;
  } catch {
    return false;
  }
}

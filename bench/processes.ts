import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The one child of a process. */
export function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(" ")[0]);
}

/** An engine's own processes, shims included: those of its PID namespace. Containers have namespaces of their own. */
export function enginePids(initPid: number): string[] {
  const namespace = readlinkSync(`/proc/${initPid}/ns/pid`);
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === initPid) return false;
    return attempt(() => readlinkSync(`/proc/${pid}/ns/pid`)) === namespace;
  });
}

/** Memory of an engine's own processes: proportional set size, in which shared pages count once. */
export function memoryBytes(initPid: number): number {
  return sumOfRollups(initPid, ["Pss"]);
}

/** The same without what is a file's: how much of that counts depends on what else runs the same programs. */
export function ownMemoryBytes(initPid: number): number {
  return sumOfRollups(initPid, ["Pss_Anon", "Pss_Shmem"]);
}

/** See proc(5), smaps_rollup. */
function sumOfRollups(initPid: number, fields: string[]): number {
  let total = 0;
  for (const pid of enginePids(initPid)) {
    const rollup = attempt(() => readFileSync(`/proc/${pid}/smaps_rollup`, "latin1")) ?? "";
    for (const field of fields) {
      const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(rollup) ?? [];
      total += Number(kilobytes ?? 0) * 1024;
    }
  }
  return total;
}

const tickMilliseconds = 10;

/** Processor time an engine's own processes have used so far, threads that have ended included. See proc(5), stat. */
export function cpuMilliseconds(initPid: number): number {
  return enginePids(initPid).reduce((total, pid) => total + processMilliseconds(pid), 0);
}

/** The same of one process. */
export function processMilliseconds(pid: number | string): number {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, "latin1")) ?? "";
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * tickMilliseconds;
}

/** Processes come and go while they are counted. */
function attempt<R>(read: () => R): R | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

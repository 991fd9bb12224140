import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { cgroupFolder, cgroupLayout } from "./cgroup.ts";

/** For at least that long after one move the kernel carries out the next without waiting (seen: 10 ms and more). */
const readyMilliseconds = 5;

let preparing: Promise<void> | undefined;
let preparedAt = 0;

/**
 * Tells the kernel that a process is about to be moved between cgroups, so that the runtime need not wait when it does so some
 * milliseconds later. The first move after a pause waits for an RCU grace period (8 ms and more) before it gets the lock on all
 * thread groups, and those that follow soon find the kernel prepared. A process "moved" to where it is takes the same lock and
 * changes nothing. Returns at once; a thread waits.
 */
export function expectCgroupMove(): void {
  if (preparing || performance.now() - preparedAt < readyMilliseconds) return;
  // After what the caller is about to say to others, who then work while this thread does.
  preparing = nextTurn().then(async () => {
    const file = ownProcesses();
    // Where the kernel refuses, for instance a process in an inner cgroup, it has taken the lock all the same.
    if (file) await writeFile(file, "0").catch(() => {});
    preparing = undefined;
    preparedAt = performance.now();
  });
}

/** The list of processes of our own cgroup in one of the hierarchies. */
function ownProcesses(): string | undefined {
  try {
    const lines = readFileSync("/proc/self/cgroup", "latin1").trim().split("\n");
    const memberships = lines.map((line) => /^\d+:([^:]*):(.*)$/.exec(line) ?? []);
    const [, controllers, path] =
      memberships.find(([, name]) => (cgroupLayout() === "v2" ? name === "" : name === "pids")) ?? [];
    if (controllers === undefined || path === undefined) return undefined;
    return join(cgroupFolder(path, controllers), "cgroup.procs");
  } catch {
    return undefined;
  }
}

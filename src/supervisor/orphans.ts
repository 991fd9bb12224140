import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** A runtime that hangs must not hold up the others. */
const longestWaitMilliseconds = 5000;

/**
 * Waits until the runtimes that an earlier supervisor has started and not lived to see the end of are through: what they make
 * until then must be found, and not come into being later. One that hangs is killed.
 */
export async function outwaitRuntimes(execRoot: string): Promise<void> {
  const deadline = performance.now() + longestWaitMilliseconds;
  const roots = `\0--root\0${join(execRoot, "runtime")}/`;
  const findRunning = () =>
    readdirSync("/proc").filter(
      (name) => /^\d+$/.test(name) && commandOf(name).includes(roots) && isNeighbour(name),
    );
  let running = findRunning();
  for (; running.length > 0 && performance.now() < deadline; running = findRunning()) await setTimeout(10);
  for (const pid of running) killWithChildren(Number(pid));
}

/** Runtimes lead process groups of their own, but for those that a supervisor of an earlier version has started. */
function killWithChildren(pid: number): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, "SIGKILL");
    } catch {
      // Not a leader, or gone.
    }
  }
}

/** What is in a container may call itself anything. */
function isNeighbour(pid: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`) === readlinkSync("/proc/self/ns/pid");
  } catch {
    return false;
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

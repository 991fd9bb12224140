import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** For a runtime that hangs: nobody else is to wait for it. */
const longestWaitMilliseconds = 5000;

/**
 * Waits until the runtimes that an earlier supervisor has started and not lived to see the end of are through: what they make
 * until then must be found, and not come into being later.
 */
export async function outwaitRuntimes(execRoot: string): Promise<void> {
  const deadline = Date.now() + longestWaitMilliseconds;
  const roots = `\0--root\0${join(execRoot, "runtime")}/`;
  const isRunning = () =>
    readdirSync("/proc").some((name) => /^\d+$/.test(name) && commandOf(name).includes(roots));
  while (isRunning() && Date.now() < deadline) await setTimeout(10);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

import { openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { socketPath, tryConnect } from "../supervisor-protocol/connect.ts";
import { tryLock } from "../sys/file-lock.ts";

/**
 * Two daemons, one of them killed since, may each have started a supervisor: the second waits until the first serves, or is no
 * more. The lock is held until this process ends.
 * @returns false when another one serves
 */
export async function becomeTheOne(execRoot: string): Promise<boolean> {
  const lock = openSync(join(execRoot, "supervisor.lock"), "a", 0o600);
  while (!tryLock(lock)) {
    const other = await tryConnect(socketPath(execRoot));
    other?.destroy();
    if (other) return false;
    await setTimeout(10);
  }
  return true;
}

import { closeSync } from "node:fs";
import { exitCodeOf, openPidfd } from "../../sys/pidfd.ts";
import { isAlive, zombieExitCode } from "../../sys/process.ts";

/**
 * The daemon's own descriptor of a container's process. By it the kernel (6.15 or newer) tells the exit code also when there was no
 * supervisor to see the end.
 */
export interface Witness {
  /** Undefined while the process runs, and where the kernel does not tell. */
  exitCode(): number | undefined;
  close(): void;
}

/** Undefined for a process that has ended already. */
export function openWitness(pid: number, startTicks: number): Witness | undefined {
  let pidfd: number;
  try {
    pidfd = openPidfd(pid);
  } catch {
    return undefined;
  }
  // The number may have been given to another process before it was opened.
  if (!isAlive(pid, startTicks)) {
    closeSync(pidfd);
    return undefined;
  }
  return {
    exitCode: () => zombieExitCode(pid, startTicks) ?? exitCodeOf(pidfd),
    close: () => closeSync(pidfd),
  };
}

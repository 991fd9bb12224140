import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { bundlesFolder } from "../supervisor-protocol/connect.ts";

/** What the runtime writes beside a probe's process file. */
export const probeFiles = (processFile: string) => ({
  pidFile: `${processFile}.probe-pid`,
  logFile: `${processFile}.probe-log`,
});

/**
 * Where a runtime that waits for a probe has written which process that is; undefined for another runtime.
 * @param words its command line, which any process of the machine may have given itself
 */
export function probePidFile(execRoot: string, words: readonly string[]): string | undefined {
  const path = words[words.indexOf("--pid-file") + 1] ?? "";
  const isOurs = dirname(dirname(path)) === bundlesFolder(execRoot) && path.endsWith(".probe-pid");
  return isOurs ? path : undefined;
}

/** Call it while the runtime runs: it waits for the process, so the number is no other's. */
export function killProbe(pidFile: string): void {
  try {
    process.kill(Number(readFileSync(pidFile, "latin1")) || Number.NaN, "SIGKILL");
  } catch {
    // It was not made yet, or has ended.
  }
}

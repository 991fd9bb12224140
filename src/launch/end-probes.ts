import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isProbePidFile, probeFiles } from "../supervisor-protocol/probe-files.ts";
import { killIfIn } from "../sys/cgroup.ts";
import { processFileOf } from "./bundle.ts";

/**
 * Kills the probes that a container's bundle has files of, as far as they are still the container's and none that is under way.
 * @param cgroup the container's: where no supervisor is left that has not yet seen its end, the number may be another process's
 */
export function endProbes(bundle: string, cgroup: string, isUnderWay: (probe: string) => boolean): void {
  if (!existsSync(bundle)) return;
  for (const name of readdirSync(bundle).filter(isProbePidFile)) {
    const path = join(bundle, name);
    if (isUnderWay(findId(name))) continue;
    const pid = readPid(path);
    // The runtime of a supervisor that is there has just made it: that one ends what a lost daemon has asked for.
    if (pid === "") continue;
    killIfIn(Number(pid), cgroup);
    rmSync(path, { force: true });
  }
}

/** The process of a probe that is under way; 0 before it runs, and after its end. */
export function pidOfProbe(bundle: string, id: string): number {
  return Number(readPid(probeFiles(processFileOf(bundle, id)).pidFile));
}

/** "" for a file that is not written yet, or gone by now. */
function readPid(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** As `processFileOf` names what it is beside. */
const findId = (name: string) => /^exec-(\w+)\./.exec(name)?.[1] ?? "";

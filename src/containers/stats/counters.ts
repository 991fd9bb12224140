import { timestamp } from "../../formats/timestamp.ts";
import { type CgroupUsage, openCgroupCounters } from "../../sys/cgroup-usage.ts";
import { openKernelFile, parsing } from "../../sys/kernel-file.ts";
import { type InterfaceUsage, parseInterfaceUsage, readMachineCpu } from "../../sys/machine-usage.ts";
import type { Container } from "../container.ts";

/** What a container has used up to a moment. */
export interface Sample {
  /** RFC 3339. */
  at: string;
  machine: { nanoseconds: number; processors: number };
  /** The same object as in the sample before where nothing has run since. */
  used: Used;
}

export interface Used {
  cgroup: CgroupUsage;
  /** Undefined where it has no network of its own. */
  interfaces: InterfaceUsage[] | undefined;
}

/** The kernel's counters of one run of a container. The owner closes them: they hold on to its network namespace. */
export interface Counters {
  /** Process id of the run. */
  readonly pid: number;
  /** Undefined when it has ended. */
  read(): Sample | undefined;
  close(): void;
}

/** Undefined for one that does not run. @param path of its cgroup, from the root of each hierarchy */
export function openCounters(container: Container, path: string): Counters | undefined {
  const { state, hostConfig } = container.record;
  if (!state.Running || state.Pid === 0) return undefined;
  const cgroup = openCgroupCounters(path);
  const traffic =
    hostConfig.NetworkMode === "host" ? undefined : openKernelFile(`/proc/${state.Pid}/net/dev`);
  const readInterfaces = parsing(traffic, parseInterfaceUsage);
  let used: Used | undefined;
  return {
    pid: state.Pid,
    read() {
      try {
        const now = cgroup.read();
        // One that has not run has sent nothing. What it was sent meanwhile, as to a paused one, shows when the cgroup is read the next time.
        if (now !== used?.cgroup) used = { cgroup: now, interfaces: traffic && readInterfaces() };
        return { at: timestamp(), machine: readMachineCpu(), used };
      } catch {
        // The kernel says ENODEV of a cgroup that has just gone.
        return undefined;
      }
    },
    close() {
      cgroup.close();
      traffic?.close();
    },
  };
}

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

const mountPoint = "/sys/fs/cgroup";

export type CgroupLayout = "v1" | "hybrid" | "v2";

let layout: CgroupLayout | undefined;

/** How this host mounts cgroups: v1 hierarchies, v1 with a v2 hierarchy beside them, or v2 alone. */
export function cgroupLayout(): CgroupLayout {
  if (!layout) {
    if (existsSync(join(mountPoint, "cgroup.controllers"))) layout = "v2";
    else layout = existsSync(join(mountPoint, "unified")) ? "hybrid" : "v1";
  }
  return layout;
}

/**
 * The folder of a cgroup, where files of `controller` are.
 * @param path as in `cgroupsPath`, for example "/berth/<id>"
 */
export function cgroupFolder(path: string, controller: string): string {
  return cgroupLayout() === "v2" ? join(mountPoint, path) : join(mountPoint, controller, path);
}

/** Whether the kernel limits that on this host: "cpu", "cpuset", "memory", "pids", … */
export function hasController(name: string): boolean {
  if (cgroupLayout() !== "v2") return existsSync(join(mountPoint, name));
  return readFileSync(join(mountPoint, "cgroup.controllers"), "latin1").trim().split(" ").includes(name);
}

/** The processors or memory nodes there are for cgroups, as a kernel list: "0-3". */
export function readCpuset(kind: "cpus" | "mems"): string {
  const file = cgroupLayout() === "v2" ? `cpuset.${kind}.effective` : join("cpuset", `cpuset.${kind}`);
  return readFileSync(join(mountPoint, file), "latin1").trim();
}

/** Whether its processes stand still. False when the cgroup is gone. */
export function isFrozen(path: string): boolean {
  const file = cgroupLayout() === "v2" ? "cgroup.freeze" : "freezer.state";
  try {
    const text = readFileSync(join(cgroupFolder(path, "freezer"), file), "latin1").trim();
    return text !== "0" && text !== "THAWED";
  } catch {
    return false;
  }
}

/**
 * What the kernel's out-of-memory killer has done in that cgroup: how many it has killed, and whether processes wait for memory since
 * it may not (v1 only). Undefined when the cgroup is gone.
 */
export function readOom(path: string): { kills: number; isStuck: boolean } | undefined {
  const file = cgroupLayout() === "v2" ? "memory.events" : "memory.oom_control";
  try {
    const text = readFileSync(join(cgroupFolder(path, "memory"), file), "latin1");
    return {
      kills: Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0),
      isStuck: /^under_oom 1$/m.test(text),
    };
  } catch {
    return undefined;
  }
}

/**
 * The cgroup that a process is in, or one above it: that with this name. From the root of each hierarchy, undefined where there is
 * none.
 */
export function findCgroup(pid: number, name: string): string | undefined {
  try {
    const lines = readFileSync(`/proc/${pid}/cgroup`, "latin1").split("\n");
    const paths = lines.map((line) => line.split(":").slice(2).join(":").split("/"));
    for (const path of paths) {
      const at = path.indexOf(name);
      if (at >= 0) return path.slice(0, at + 1).join("/");
    }
  } catch {
    // It has ended.
  }
  return undefined;
}

/**
 * Kills a process if it is in a cgroup, or one below it, in any hierarchy.
 * @param path from the root of each. @returns whether it was there
 */
export function killIfIn(pid: number, path: string): boolean {
  try {
    const lines = readFileSync(`/proc/${pid}/cgroup`, "latin1").split("\n");
    const paths = lines.map((line) => `${line.split(":").slice(2).join(":")}/`);
    return paths.some((one) => one.startsWith(`${path}/`)) && process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
    return false;
  }
}

function hierarchies(): string[] {
  return cgroupLayout() === "v2"
    ? [mountPoint]
    : readdirSync(mountPoint).map((name) => join(mountPoint, name));
}

/** Paths of the cgroups directly below one, in any hierarchy. */
export function listCgroups(parent: string): string[] {
  const folders = hierarchies()
    .map((hierarchy) => join(hierarchy, parent))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { withFileTypes: true }));
  const names = folders.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return [...new Set(names)].map((name) => `${parent}/${name}`);
}

/** Removes an empty cgroup from every hierarchy; one in use stays. */
export function removeCgroup(path: string): void {
  for (const hierarchy of hierarchies()) {
    try {
      rmdirSync(join(hierarchy, path));
    } catch {
      // Not in this one, or not empty.
    }
  }
}

const longestClearingMilliseconds = 1000;

/** Kills what is in a cgroup and removes it. What does not end within a second stays, with its cgroup. */
export async function clearCgroup(path: string): Promise<void> {
  const deadline = performance.now() + longestClearingMilliseconds;
  for (;;) {
    removeCgroup(path);
    const left = hierarchies()
      .map((hierarchy) => join(hierarchy, path))
      .filter((folder) => existsSync(folder));
    if (left.length === 0 || performance.now() > deadline) return;
    for (const pid of left.flatMap(processesIn)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
    await setTimeout(10);
  }
}

function processesIn(folder: string): number[] {
  try {
    return readFileSync(join(folder, "cgroup.procs"), "latin1").split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/**
 * Makes a parent of cgroups ready to be used by several runtimes at once. On v1 a new cpuset has no processors until they are
 * copied from above, and of two runtimes that start together one would find it so.
 */
export function prepareCgroupParent(path: string): void {
  if (cgroupLayout() === "v2" || !existsSync(join(mountPoint, "cpuset"))) return;
  let folder = join(mountPoint, "cpuset");
  for (const name of join("/", path).split("/").filter(Boolean)) {
    const above = folder;
    folder = join(folder, name);
    mkdirSync(folder, { recursive: true });
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      if (readFileSync(join(folder, file), "latin1").trim() === "") {
        writeFileSync(join(folder, file), readFileSync(join(above, file)));
      }
    }
  }
}

/** Whether the kernel has only BFQ's file for the weight of block I/O, as on cgroup v1 since Linux 5.0; crun knows the old one. */
export function hasOnlyBfqWeight(): boolean {
  const controller = join(mountPoint, "blkio");
  return (
    cgroupLayout() !== "v2" &&
    existsSync(join(controller, "blkio.bfq.io_serviced")) &&
    !existsSync(join(controller, "blkio.weight"))
  );
}

/** Whether the kernel can weigh block I/O at all; on cgroup v2 the runtime says so. */
export function hasBlockWeight(): boolean {
  return (
    cgroupLayout() === "v2" || hasOnlyBfqWeight() || existsSync(join(mountPoint, "blkio", "blkio.weight"))
  );
}

export function setBfqWeight(path: string, weight: number): void {
  writeFileSync(join(cgroupFolder(path, "blkio"), "blkio.bfq.weight"), String(weight));
}

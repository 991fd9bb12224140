import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

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

/** Whether the kernel's out-of-memory killer has struck in that cgroup. False when the cgroup is gone. */
export function wasOomKilled(path: string): boolean {
  const file = cgroupLayout() === "v2" ? "memory.events" : "memory.oom_control";
  try {
    const text = readFileSync(join(cgroupFolder(path, "memory"), file), "latin1");
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0;
  } catch {
    return false;
  }
}

/** Removes an empty cgroup from every hierarchy; one in use stays. */
export function removeCgroup(path: string): void {
  const hierarchies =
    cgroupLayout() === "v2" ? [mountPoint] : readdirSync(mountPoint).map((name) => join(mountPoint, name));
  for (const hierarchy of hierarchies) {
    try {
      rmdirSync(join(hierarchy, path));
    } catch {
      // Not in this one, or not empty.
    }
  }
}

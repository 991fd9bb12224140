import { posix } from "node:path";
import { invalid } from "../errors.ts";

/** Who makes the cgroups of containers: the runtime alone, or systemd, which it asks. */
export type CgroupDriver = "cgroupfs" | "systemd";

/** Where a container's cgroup is. */
export interface CgroupPlace {
  /** From the root of each hierarchy. */
  path: string;
  /** The same for the runtime (`cgroupsPath`). */
  argument: string;
  driver: CgroupDriver;
}

/**
 * @param parent a path, or the name of a slice where systemd makes the cgroup: a scope of its own
 * @throws EngineError invalid for what is no slice
 */
export function placeCgroup(driver: CgroupDriver, parent: string, id: string): CgroupPlace {
  if (driver === "systemd") {
    const path = posix.join(expandSlice(parent), `berth-${id}.scope`);
    return { path, argument: `${parent}:berth:${id}`, driver };
  }
  // Taken from "/", ".." leads nowhere else.
  const path = posix.join("/", parent, id);
  return { path, argument: path, driver };
}

/** `a-b.slice` is below `a.slice` (systemd.slice(5)). @throws EngineError invalid in Docker's words */
export function expandSlice(name: string): string {
  if (name === "-.slice") return "/";
  const isSlice = /^[\w.@\\]+(-[\w.@\\]+)*\.slice$/.test(name) && name.length <= 255;
  if (!isSlice)
    throw invalid('cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"');
  const parts = name.slice(0, -".slice".length).split("-");
  return `/${parts.map((_, index) => `${parts.slice(0, index + 1).join("-")}.slice`).join("/")}`;
}

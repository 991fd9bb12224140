import { posix } from "node:path";
import type { ContainerRecord } from "./container.ts";

/** A container's cgroup, from the root of each hierarchy. @param usualParent for one that asks for no other */
export function cgroupPath(usualParent: string, { id, hostConfig }: ContainerRecord): string {
  // Taken from "/", ".." leads nowhere else.
  return posix.join("/", hostConfig.CgroupParent || usualParent, id);
}

import type { OciMount } from "../runtime/oci-spec.ts";
import { cgroupLayout } from "../sys/cgroup.ts";
import type { LaunchInput } from "./input.ts";
import type { LaunchMount } from "./launch-mount.ts";

const inits = /(?:^|\/)(?:init|systemd)$/;

/**
 * What the user mounts. On cgroup v2 a systemd needs its own cgroup writable: where guides for v1 bind the host's tree read-only in
 * its place, that bind is left out.
 */
export function userMounts({ mounts, namespaces, process, security }: LaunchInput): LaunchMount[] {
  const isInit = !process.init && inits.test(process.args[0] ?? "");
  const hasOwnTree = security.privileged && namespaces.cgroup === "new" && cgroupLayout() === "v2";
  return isInit && hasOwnTree ? mounts.filter((mount) => !isHostTree(mount)) : mounts;
}

function isHostTree({ type, source, destination, options }: OciMount): boolean {
  const isReadOnly = options.includes("ro") || options.includes("rro");
  return type === "bind" && isReadOnly && [source, destination].every((path) => path === "/sys/fs/cgroup");
}

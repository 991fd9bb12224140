import { existsSync, realpathSync } from "node:fs";
import { invalid } from "../errors.ts";
import type { OciMount } from "../runtime/oci-spec.ts";
import type { StartOptions } from "../supervisor-protocol/protocol.ts";
import { cgroupLayout } from "../sys/cgroup.ts";
import { keptFlagsOf, readMountTable } from "../sys/mount-table.ts";
import { etcMounts } from "./etc-files.ts";
import type { LaunchInput } from "./input.ts";
import type { LaunchMount } from "./launch-mount.ts";

/** The engine's own mounts, where the user mounts nothing. @param shmFolder as for `shmToBorrow` */
export function ownMounts(input: LaunchInput, shmFolder: string): LaunchMount[] {
  return [...shmMount(input, shmFolder), ...cgroupMount(input), ...etcFileMounts(input), ...initMount(input)];
}

function etcFileMounts(input: LaunchInput): LaunchMount[] {
  const { etcFiles, root, mapsEtcFiles = false } = input;
  if (!etcFiles) return [];
  return etcMounts(etcFiles, root.readOnly ? readOnlyFlags(input, etcFiles.hosts) : [], mapsEtcFiles);
}

/**
 * What makes a bind read-only. In a user namespace the kernel refuses that to a runtime that would take another flag of the source's
 * mount away with it; crun asks again with those, runc does not.
 */
function readOnlyFlags({ userNamespace }: LaunchInput, source: string): string[] {
  if (!userNamespace) return ["ro"];
  return [...new Set(["ro", ...keptFlagsOf(realpathSync(source), readMountTable())])];
}

/** /dev/shm goes with the ipc namespace: of its own, the host's, another process's, or none. */
function shmMount({ namespaces, shmSizeBytes }: LaunchInput, shmFolder: string): OciMount[] {
  const destination = "/dev/shm";
  if (namespaces.ipc === "host")
    return [{ destination, type: "bind", source: "/dev/shm", options: ["rbind"] }];
  if (namespaces.ipc !== "new") return [{ destination, type: "bind", source: shmFolder, options: ["rbind"] }];
  if (shmSizeBytes === undefined) return [];
  const options = ["nosuid", "noexec", "nodev", "mode=1777", `size=${shmSizeBytes}`];
  return [{ destination, type: "tmpfs", source: "shm", options }];
}

/** What the supervisor is to mount at `shmFolder` for that start alone: another process's /dev/shm. */
export function shmToBorrow({ namespaces: { ipc } }: LaunchInput, shmFolder: string): StartOptions["shm"] {
  return typeof ipc === "object" ? { pid: ipc.pid, target: shmFolder } : undefined;
}

/**
 * The host's cgroup tree, for who shares the host's cgroup namespace. It is bound: the options of cgroup v2 belong to the one
 * tree, so that a new mount made from the host's namespace takes away nsdelegate, which systemd set.
 */
function cgroupMount({ namespaces, security }: LaunchInput): OciMount[] {
  if (namespaces.cgroup === "new" || cgroupLayout() !== "v2") return [];
  const destination = "/sys/fs/cgroup";
  const options = ["rbind", "nosuid", "noexec", "nodev", ...(security.privileged ? [] : ["ro"])];
  return [{ destination, type: "bind", source: destination, options }];
}

const initProgram = "/usr/bin/tini-static";

function initMount(input: LaunchInput): OciMount[] {
  if (!input.process.init) return [];
  if (!existsSync(initProgram)) {
    throw invalid(`--init needs ${initProgram}: install the package tini`);
  }
  const options = ["bind", ...readOnlyFlags(input, initProgram)];
  return [{ destination: "/sbin/docker-init", type: "bind", source: initProgram, options }];
}

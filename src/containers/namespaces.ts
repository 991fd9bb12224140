import { join } from "node:path";
import { conflict, invalid } from "../errors.ts";
import type { HostConfig } from "../formats/docker-api.ts";
import type { OciMount } from "../runtime/oci-spec.ts";
import type { SpecInput } from "../runtime/spec.ts";
import { cgroupLayout } from "../sys/cgroup.ts";
import { type Containers, getContainer } from "./containers.ts";

/**
 * The namespaces a container is started in.
 * @param network path of its own network namespace; undefined when it has none of its own made by us
 */
export function resolveNamespaces(
  containers: Containers,
  hostConfig: HostConfig,
  network: string | undefined,
): SpecInput["namespaces"] {
  return {
    network: network ?? joined(containers, hostConfig.NetworkMode, "net") ?? "new",
    pid: joined(containers, hostConfig.PidMode, "pid") ?? "new",
    ipc: joined(containers, hostConfig.IpcMode, "ipc") ?? "new",
    uts: resolveUts(containers, hostConfig),
    cgroup: hostConfig.CgroupnsMode === "private" ? "new" : "host",
  };
}

export function sharesHostname({ NetworkMode, UTSMode }: HostConfig): boolean {
  return NetworkMode === "host" || UTSMode === "host";
}

/** A container in another's network namespace shares its host name as well, as with Docker. */
function resolveUts(containers: Containers, hostConfig: HostConfig): string {
  if (hostConfig.UTSMode && hostConfig.UTSMode !== "host")
    throw invalid(`invalid UTS mode: ${hostConfig.UTSMode}`);
  if (sharesHostname(hostConfig)) return "host";
  if (!hostConfig.NetworkMode.startsWith("container:")) return "new";
  return joined(containers, hostConfig.NetworkMode, "uts") ?? "new";
}

/** "host" for host, a path for container:X, undefined for one of its own. */
function joined(containers: Containers, mode: string, namespace: string): string | undefined {
  if (mode === "host") return "host";
  if (!mode.startsWith("container:")) return undefined;
  return `/proc/${runningPid(containers, mode, namespace)}/ns/${namespace}`;
}

/** @throws EngineError conflict when that container does not run */
function runningPid(containers: Containers, mode: string, namespace: string): number {
  const { record } = getContainer(containers, mode.slice("container:".length));
  if (!record.state.Running || record.state.Restarting) {
    const what = namespace === "ipc" || namespace === "pid" ? namespace.toUpperCase() : "network";
    throw conflict(`cannot join ${what} of a non running container: ${record.id}`);
  }
  return record.state.Pid;
}

/** /dev/shm by the IPC mode: of its own, the host's, another container's, or none. */
export function shmMount(containers: Containers, hostConfig: HostConfig): OciMount[] {
  const { IpcMode: mode, ShmSize: sizeBytes } = hostConfig;
  const destination = "/dev/shm";
  if (mode === "none") return [];
  if (mode === "host") return [{ destination, type: "bind", source: "/dev/shm", options: ["rbind"] }];
  if (mode.startsWith("container:")) {
    return [{ destination, type: "bind", source: borrowedShm(containers), options: ["rbind"] }];
  }
  const options = ["nosuid", "noexec", "nodev", "mode=1777", `size=${sizeBytes}`];
  return [{ destination, type: "tmpfs", source: "shm", options }];
}

/**
 * The host's cgroup tree, for a container that shares the host's cgroup namespace. It is bound: the options of cgroup v2
 * belong to the one tree, so that a new mount made from the host's namespace takes away nsdelegate, which systemd set.
 */
export function cgroupMount({ CgroupnsMode, Privileged }: HostConfig): OciMount[] {
  if (CgroupnsMode === "private" || cgroupLayout() !== "v2") return [];
  const destination = "/sys/fs/cgroup";
  const options = ["rbind", "nosuid", "noexec", "nodev", ...(Privileged ? [] : ["ro"])];
  return [{ destination, type: "bind", source: destination, options }];
}

/** Where the supervisor mounts another container's /dev/shm, in a namespace of that start alone. */
function borrowedShm({ settings }: Containers): string {
  return join(settings.execRoot, "shm");
}

/** What the supervisor is to mount for `shmMount`. */
export function shmToBorrow(
  containers: Containers,
  { IpcMode: mode }: HostConfig,
): { pid: number; target: string } | undefined {
  if (!mode.startsWith("container:")) return undefined;
  return { pid: runningPid(containers, mode, "ipc"), target: borrowedShm(containers) };
}

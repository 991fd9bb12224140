import { conflict, type EngineError, internal, invalid, messageOf } from "../errors.ts";
import type { HostConfig } from "../formats/docker-api/docker-api.ts";
import { findModeContainer } from "../formats/namespace-mode.ts";
import type { NamespaceChoice, Namespaces } from "../launch/namespaces.ts";
import type { Container } from "./container.ts";
import { type Containers, getContainer } from "./containers.ts";
import type { ContainerRecord } from "./record.ts";

/**
 * The namespaces a container is started in.
 * @param network path of its own network namespace; undefined when it has none of its own made by us
 * @throws EngineError conflict when the container whose namespace it joins does not run
 */
export function resolveNamespaces(
  containers: Containers,
  hostConfig: HostConfig,
  network: string | undefined,
): Namespaces {
  const resolve = (mode: string, namespace: string) => joined(containers, mode, namespace) ?? "new";
  return {
    network: network === undefined ? resolve(hostConfig.NetworkMode, "net") : { path: network },
    pid: resolve(hostConfig.PidMode, "pid"),
    ipc: resolve(hostConfig.IpcMode, "ipc"),
    uts: resolveUts(containers, hostConfig),
    cgroup: hostConfig.CgroupnsMode === "private" ? "new" : "host",
  };
}

/** A container in another's network namespace shares its host name as well, as with Docker. */
function resolveUts(containers: Containers, hostConfig: HostConfig): NamespaceChoice {
  if (hostConfig.UTSMode && hostConfig.UTSMode !== "host")
    throw invalid(`invalid UTS mode: ${hostConfig.UTSMode}`);
  if (hostConfig.UTSMode === "host") return "host";
  if (findModeContainer(hostConfig.NetworkMode) === undefined) return "new";
  return joined(containers, hostConfig.NetworkMode, "uts") ?? "new";
}

/** Undefined for one of its own. */
function joined(containers: Containers, mode: string, namespace: string): NamespaceChoice | undefined {
  if (mode === "host") return "host";
  if (findModeContainer(mode) === undefined) return undefined;
  return { pid: runningPid(containers, mode, namespace) };
}

/** @throws EngineError conflict when that container does not run, invalid for an IPC namespace of its own alone */
function runningPid(containers: Containers, mode: string, namespace: string): number {
  const { record } = findTarget(containers, findModeContainer(mode) ?? "", namespace);
  const { Running, Restarting } = record.state;
  if (!Running || Restarting) throw joinsStopped(record, namespace);
  if (namespace === "ipc") refuseUnshared(record);
  return record.state.Pid;
}

/** A container in the host's IPC namespace shares it, and so does one that has joined a third container's. @throws EngineError invalid in Docker's words */
function refuseUnshared({ id, hostConfig: { IpcMode } }: ContainerRecord): void {
  if (!["", "private", "none"].includes(IpcMode)) return;
  throw invalid(
    `failed to join IPC namespace: container ${id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  );
}

/** For a container whose namespace cannot be joined, in Docker's words. */
export function joinsStopped({ id, name, state }: ContainerRecord, namespace: string): EngineError {
  if (namespace === "ipc" || namespace === "pid")
    return conflict(`failed to join ${namespace.toUpperCase()} namespace: container ${id} is not running`);
  // That it has ended may not have been noticed yet.
  const status = state.Running && !state.Restarting ? "exited" : state.Status;
  return conflict(`cannot join network namespace of a non running container: container ${name} is ${status}`);
}

function findTarget(containers: Containers, nameOrId: string, namespace: string): Container {
  try {
    return getContainer(containers, nameOrId);
  } catch (error) {
    if (namespace === "ipc" || namespace === "pid") throw error;
    throw internal(`joining network namespace of container: ${messageOf(error)}`, error);
  }
}

import { readlinkSync } from "node:fs";
import { conflict, hasCode, internal, invalid } from "../errors.ts";
import type { HostConfig } from "../formats/docker-api/docker-api.ts";
import { type IdMapping, isIdentity } from "../formats/id-mapping.ts";
import { findModeContainer } from "../formats/namespace-mode.ts";
import type { UserNamespaceChoice } from "../launch/namespaces.ts";
import type { Sandbox } from "../networks/networks.ts";
import { readMappingOf } from "../sys/user-namespace.ts";
import type { Container } from "./container.ts";
import { type Containers, findContainer } from "./containers.ts";
import { joinsStopped } from "./namespaces.ts";
import type { ContainerRecord } from "./record.ts";

/** What a container's user namespace maps when it is started now; undefined for the machine's own. */
export function mappingFor({ settings }: Containers, hostConfig: HostConfig): IdMapping | undefined {
  return hostConfig.UsernsMode === "host" ? undefined : settings.remap?.mapping;
}

/** Refuses what a user namespace would make useless, in Docker's words. @throws EngineError invalid */
export function checkUserNamespace(containers: Containers, hostConfig: HostConfig): void {
  const { UsernsMode, Privileged, NetworkMode, PidMode } = hostConfig;
  if (!["", "host"].includes(UsernsMode)) throw invalid(`invalid user namespace mode: ${UsernsMode}`);
  if (!mappingFor(containers, hostConfig)) return;
  if (Privileged)
    throw invalid(
      "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode",
    );
  if (NetworkMode === "host")
    throw invalid("cannot share the host's network namespace when user namespaces are enabled");
  if (PidMode === "host")
    throw invalid("cannot share the host PID namespace when user namespaces are enabled");
}

const joinable = {
  NetworkMode: { title: "network", type: "net" },
  PidMode: { title: "PID", type: "pid" },
  IpcMode: { title: "IPC", type: "ipc" },
} as const;

/**
 * The user namespace of the containers whose namespaces a container joins: a namespace belongs to a user namespace, so that it runs in theirs.
 * @returns undefined when it joins none that runs. @throws EngineError conflict where what it joins belongs to different ones
 */
export function findJoinedUserNamespace(
  containers: Containers,
  hostConfig: HostConfig,
): UserNamespaceChoice | undefined {
  if (!mappingFor(containers, hostConfig)) return undefined;
  const found = new Map<string, UserNamespaceChoice>();
  for (const mode of ["NetworkMode", "PidMode", "IpcMode"] as const) {
    const name = findModeContainer(hostConfig[mode]);
    const record = name ? findContainer(containers, name)?.record : undefined;
    if (!record?.state.Running) continue;
    const { path, link, mapping } = readUserNamespace(record, joinable[mode].type);
    const what = `cannot join the ${joinable[mode].title} namespace of container ${record.name}`;
    if (isIdentity(mapping.uids))
      throw conflict(
        `${what}, which runs in the host's user namespace: run this one with --userns=host as well`,
      );
    found.set(link, { path, mapping });
    if (found.size > 1)
      throw conflict(`${what}: it runs in another user namespace than the first that is joined`);
  }
  const [joined] = found.values();
  return joined;
}

/** Of a container that is joined. @throws EngineError conflict when it has ended meanwhile */
function readUserNamespace(record: ContainerRecord, namespace: string) {
  const path = `/proc/${record.state.Pid}/ns/user`;
  try {
    return { path, link: readlinkSync(path), mapping: readMappingOf(record.state.Pid) };
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ESRCH")) throw joinsStopped(record, namespace);
    throw error;
  }
}

/** The user namespace that a container is started in. @param sandbox its own, made in the joined one, or in a new one. @throws internal */
export function chooseUserNamespace(
  containers: Containers,
  hostConfig: HostConfig,
  joined: UserNamespaceChoice | undefined,
  sandbox: Pick<Sandbox, "usernsPath"> | undefined,
): UserNamespaceChoice | undefined {
  const mapping = mappingFor(containers, hostConfig);
  if (!mapping || joined) return joined;
  // Without one it would be root on the machine.
  if (sandbox?.usernsPath === undefined)
    throw internal("the user namespace of the container was not made: start it again");
  return { path: sandbox.usernsPath, mapping };
}

/** What the user namespace maps that a container runs in; undefined for the machine's own, and for one that does not run. */
export function runningMapping({ record }: Container): IdMapping | undefined {
  const { Running, Pid } = record.state;
  if (!Running || Pid <= 0) return undefined;
  try {
    const mapping = readMappingOf(Pid);
    return isIdentity(mapping.uids) ? undefined : mapping;
  } catch (error) {
    // It has ended meanwhile.
    if (hasCode(error, "ENOENT") || hasCode(error, "ESRCH")) return undefined;
    throw error;
  }
}

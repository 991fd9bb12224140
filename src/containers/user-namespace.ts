import { readlinkSync } from "node:fs";
import { conflict, hasCode, invalid } from "../errors.ts";
import type { HostConfig } from "../formats/docker-api/docker-api.ts";
import { type IdMapping, isIdentity } from "../formats/id-mapping.ts";
import { findModeContainer } from "../formats/namespace-mode.ts";
import type { UserNamespaceChoice } from "../launch/namespaces.ts";
import type { Sandbox } from "../networks/networks.ts";
import { readMappingOf } from "../sys/user-namespace.ts";
import type { Container } from "./container.ts";
import { type Containers, findContainer } from "./containers.ts";

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

const joinable = { NetworkMode: "network", PidMode: "PID", IpcMode: "IPC" } as const;

/**
 * The user namespace that a container is started in. A namespace belongs to a user namespace, so a container that joins another's runs in
 * that one's user namespace, too.
 * @param sandbox its own, which has a user namespace with it
 * @throws EngineError conflict where what it joins belongs to different ones
 */
export function chooseUserNamespace(
  containers: Containers,
  hostConfig: HostConfig,
  sandbox: Pick<Sandbox, "usernsPath"> | undefined,
): UserNamespaceChoice | undefined {
  const mapping = mappingFor(containers, hostConfig);
  if (!mapping) return undefined;
  let chosen: { mode: keyof typeof joinable; inode: string; choice: UserNamespaceChoice } | undefined;
  for (const mode of ["NetworkMode", "PidMode", "IpcMode"] as const) {
    const name = findModeContainer(hostConfig[mode]);
    const other = name === undefined ? undefined : findContainer(containers, name);
    if (!other) continue;
    const path = `/proc/${other.record.state.Pid}/ns/user`;
    const theirs = {
      mode,
      inode: readlinkSync(path),
      choice: { path, mapping: readMappingOf(other.record.state.Pid) },
    };
    if (isIdentity(theirs.choice.mapping.uids))
      throw conflict(
        `cannot join the ${joinable[mode]} namespace of container ${other.record.name}, which runs in the host's user namespace: ` +
          "run this one with --userns=host as well",
      );
    if (sandbox || (chosen && chosen.inode !== theirs.inode))
      throw conflict(
        `cannot join the ${joinable[mode]} namespace of container ${other.record.name} when user namespaces are enabled, ` +
          "unless its network namespace is joined as well (--network container:NAME)",
      );
    chosen ??= theirs;
  }
  if (chosen) return chosen.choice;
  return sandbox?.usernsPath === undefined ? undefined : { path: sandbox.usernsPath, mapping };
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

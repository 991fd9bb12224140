import { release } from "node:os";
import { join } from "node:path";
import { capabilitiesOf } from "../runtime/capabilities.ts";
import type { OciProcess, OciSpec } from "../runtime/oci-spec.ts";
import { buildProcess } from "../runtime/process.ts";
import { seccompOf } from "../runtime/seccomp.ts";
import { buildSpec } from "../runtime/spec.ts";
import type { StartOptions } from "../supervisor-protocol/protocol.ts";
import { bundleOf } from "./bundle.ts";
import { orderMounts, type Settled, settleDestinations } from "./destinations.ts";
import { userMounts } from "./guest-init.ts";
import type { ExecInput, LaunchInput } from "./input.ts";
import type { LaunchMount } from "./launch-mount.ts";
import { checkLayerOwners } from "./layer-owners.ts";
import { encodeNamespaces } from "./namespaces.ts";
import { ownMounts, shmToBorrow } from "./own-mounts.ts";
import { stageShared } from "./shared-sources.ts";
import { createPrefix, execPrefix } from "./start-failure.ts";
import { resolveUser } from "./user.ts";
import { checkMapped, stageRemapped } from "./user-namespace.ts";

/** Where the supervisor mounts for one start, in a namespace of that start alone. */
export const foldersOf = (execRoot: string) => ({
  rootfs: join(execRoot, "rootfs"),
  shm: join(execRoot, "shm"),
  shared: join(execRoot, "shared"),
  remapped: join(execRoot, "remapped"),
});

/**
 * What runtime and supervisor need to know. Looks into the root file system, and changes nothing but what mounts in volumes need.
 * @throws EngineError invalid
 */
export async function prepareLaunch(
  input: LaunchInput,
  execRoot: string,
  settle: (
    layers: readonly string[],
    mounts: readonly LaunchMount[],
  ) => Promise<Settled> = settleDestinations,
): Promise<{ spec: OciSpec; options: StartOptions }> {
  const { root, process, security, userNamespace } = input;
  const folders = foldersOf(execRoot);
  const layers = [root.upper, ...root.lower];
  if (userNamespace) await checkLayerOwners(userNamespace.mapping, root.lower);
  const wanted = orderMounts([
    ...userMounts(input),
    ...ownMounts(input, folders.shm),
    ...input.devices.mounts,
  ]);
  const { mounts: settled, missing } = await settle(layers, wanted);
  const { mounts: staged, remap } = stageRemapped(settled, userNamespace, folders.remapped);
  const { mounts, shared } = stageShared(staged, folders.shared);
  const user = await resolveUser(layers, process.user, process.groups);
  const additionalGids = [...user.additionalGids, ...input.devices.additionalGids];
  checkMapped(userNamespace?.mapping, { ...user, additionalGids }, createPrefix);
  const spec = buildSpec({
    cgroupsPath: input.cgroup.argument,
    process,
    user,
    hostname: input.hostname,
    domainname: input.domainname,
    root: { path: folders.rootfs, readonly: root.readOnly },
    mounts,
    namespaces: encodeNamespaces(input.namespaces),
    userNamespace,
    limits: input.limits,
    security,
    seccomp: (capabilities) => seccompOf(security, capabilities, release(), globalThis.process.arch),
    annotations: input.annotations,
    sysctls: input.sysctls,
    devices: input.devices,
  });
  const shm = shmToBorrow(input, folders.shm);
  const options: StartOptions = {
    process: input.id,
    runtime: input.runtime,
    ...streamsOf(process),
    bundle: bundleOf(execRoot, input.id),
    rootfs: {
      overlay: { lower: root.lower, upper: root.upper, work: root.work },
      target: folders.rootfs,
      ...(missing.length > 0 && { mountpoints: missing }),
      ...(process.workingDir && { ensureDirectory: process.workingDir }),
    },
    log: input.log,
    ...(input.cgroup.driver === "systemd" && { systemdCgroup: true }),
    ...(shm && { shm }),
    ...(shared && { shared }),
    ...(remap && { remap }),
  };
  return { spec, options };
}

/** @throws EngineError invalid for a user that is not there */
export async function prepareExec(input: ExecInput): Promise<OciProcess> {
  const { process, security } = input;
  const { privileged, capabilities } = security;
  const user = await resolveUser(input.layers, process.user, process.groups);
  checkMapped(input.mapping, user, execPrefix);
  return buildProcess({
    ...process,
    user,
    hostname: input.hostname,
    capabilities: capabilitiesOf({ privileged, ...capabilities }),
    ulimits: input.ulimits,
    noNewPrivileges: security.noNewPrivileges,
    apparmorProfile: security.apparmorProfile,
    oomScoreAdj: 0,
  });
}

export function streamsOf({
  terminal,
  openStdin,
  consoleSize: [rows, columns],
}: LaunchInput["process"] | ExecInput["process"]): Pick<
  StartOptions,
  "terminal" | "openStdin" | "consoleSize"
> {
  return { terminal, openStdin, consoleSize: [rows, columns] };
}

import type { EtcFiles } from "../launch/etc-files.ts";
import type { LaunchInput } from "../launch/input.ts";
import type { UserNamespaceChoice } from "../launch/namespaces.ts";
import type { DeviceEdits } from "../runtime/cdi/inject.ts";
import { securityOf } from "../runtime/security.ts";
import type { ResolvedMount, SourceFacts } from "../volumes/volumes.ts";
import type { Container } from "./container.ts";
import { type Containers, folderOf } from "./containers.ts";
import { linkEnvironment } from "./links.ts";
import { logOptionsOf } from "./logs/drivers.ts";
import { encodeMounts } from "./mounts.ts";
import { resolveNamespaces } from "./namespaces.ts";
import { lowerLayers, upperOf, workOf } from "./rootfs.ts";
import { nextCgroup, runtimeOf } from "./runtime-files.ts";

/** What has been made for a start. */
export interface LaunchParts {
  /** Path of its own network namespace; undefined when it has none of its own made by us. */
  network: string | undefined;
  userNamespace: UserNamespaceChoice | undefined;
  etcFiles: EtcFiles;
  /** With sources as the runtime can bind them. */
  mounts: ResolvedMount[];
  /** What is known of the source of each. */
  known: (SourceFacts | undefined)[];
  devices: DeviceEdits;
}

/**
 * A container's record and current state, as the launch wants them.
 * @throws EngineError
 */
export function describeLaunch(
  containers: Containers,
  container: Container,
  { network, userNamespace, etcFiles, mounts, known, devices }: LaunchParts,
): LaunchInput {
  const { record } = container;
  const { id, config, hostConfig } = record;
  return {
    id,
    runtime: runtimeOf(containers, container),
    root: {
      lower: lowerLayers(containers, container),
      upper: upperOf(containers, id),
      work: workOf(containers, id),
      readOnly: hostConfig.ReadonlyRootfs,
    },
    process: {
      args: record.args,
      env: [...linkEnvironment(containers, container), ...(config.Env ?? [])],
      user: config.User,
      groups: hostConfig.GroupAdd ?? [],
      workingDir: config.WorkingDir,
      terminal: config.Tty,
      consoleSize: hostConfig.ConsoleSize,
      openStdin: config.OpenStdin,
      init: hostConfig.Init ?? false,
      oomScoreAdj: hostConfig.OomScoreAdj,
    },
    hostname: config.Hostname,
    domainname: config.Domainname,
    mounts: encodeMounts(mounts, known, (volume) => containers.volumes.localMountOf(volume) === undefined),
    etcFiles,
    mapsEtcFiles: true,
    namespaces: resolveNamespaces(containers, hostConfig, network),
    userNamespace,
    shmSizeBytes: hostConfig.IpcMode === "none" ? undefined : hostConfig.ShmSize,
    cgroup: nextCgroup(containers.settings, record),
    limits: hostConfig,
    security: securityOf(hostConfig, containers.settings.containerDefaults),
    annotations: hostConfig.Annotations ?? {},
    sysctls: hostConfig.Sysctls ?? {},
    devices,
    log: logOptionsOf(folderOf(containers, id), record),
  };
}

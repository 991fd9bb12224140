import { existsSync } from "node:fs";
import { writableIn } from "../images/writable.ts";
import type { ResolvedMount } from "../volumes/volumes.ts";
import type { ContainerFiles, MountedFiles } from "./archive/archive-job.ts";
import type { Container } from "./container.ts";
import { type Containers, folderOf } from "./containers.ts";
import { initLayerPath } from "./create/init-layer.ts";
import { findEtcFiles } from "./etc-files.ts";
import { layersOfMounted } from "./image-mounts.ts";
import { runningMapping } from "./user-namespace.ts";

/** The directories below a container's own, topmost first. */
export function lowerLayers(containers: Containers, container: Container): string[] {
  const { id, initLayer } = container.record;
  return [initLayerPath(containers.settings.root, initLayer), ...containers.images.heldDirectories(id)];
}

export function upperOf(containers: Containers, id: string): string {
  return writableIn(folderOf(containers, id)).upper;
}

export function workOf(containers: Containers, id: string): string {
  return writableIn(folderOf(containers, id)).work;
}

/** All directories of a container's root file system, topmost first. */
export function rootLayers(containers: Containers, container: Container): string[] {
  return [upperOf(containers, container.record.id), ...lowerLayers(containers, container)];
}

/** What is needed to reach a container's files, whether it runs or not. */
export function filesOf(containers: Containers, container: Container): ContainerFiles {
  const { id, state, startTicks, hostConfig, mounts } = container.record;
  const mapping = runningMapping(container);
  const covered = new Set(mounts.map(({ destination }) => destination));
  return {
    lower: lowerLayers(containers, container),
    upper: upperOf(containers, id),
    work: workOf(containers, id),
    ...(state.Running && state.Pid > 0 && { process: { pid: state.Pid, startTicks } }),
    ...(mapping && { mapping }),
    readOnlyRootfs: hostConfig.ReadonlyRootfs,
    mounts: [
      ...mounts
        .filter(({ type }) => type !== "tmpfs")
        .map((mount) => mountedFiles(containers, container, mount)),
      ...etcMounts(containers, container).filter(({ destination }) => !covered.has(destination)),
    ],
  };
}

function mountedFiles(
  containers: Containers,
  { record }: Container,
  { type, name, source, destination, readOnly, subpath, imageId }: ResolvedMount,
): MountedFiles {
  const local = type === "volume" && name ? containers.volumes.localMountOf(name) : undefined;
  return {
    source,
    destination,
    readOnly,
    ...(subpath !== "" && { subpath }),
    ...(local && { local }),
    ...(type === "image" && { layers: layersOfMounted(containers, record, imageId) }),
  };
}

/** /etc/hosts and its like, which are there once it has been started. */
function etcMounts(containers: Containers, { record }: Container): ContainerFiles["mounts"] {
  const files = findEtcFiles(containers, record);
  const mounts = [
    ["/etc/hosts", files?.hosts],
    ["/etc/hostname", files?.hostname],
    ["/etc/resolv.conf", files?.resolvConf],
  ] as const;
  return mounts.flatMap(([destination, source]) =>
    source !== undefined && existsSync(source) ? { source, destination, readOnly: false } : [],
  );
}

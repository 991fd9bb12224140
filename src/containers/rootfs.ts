import { join } from "node:path";
import type { ContainerFiles } from "./archive-job.ts";
import type { Container } from "./container.ts";
import { type Containers, folderOf } from "./containers.ts";

/** Shared by all containers: the files and folders that mounts go over, so that they are in no container's own layer. */
export function initLayerOf(containers: Containers): string {
  return join(containers.settings.root, "init");
}

/** The directories below a container's own, topmost first. */
export function lowerLayers(containers: Containers, container: Container): string[] {
  return [initLayerOf(containers), ...containers.images.heldDirectories(container.record.id)];
}

export function upperOf(containers: Containers, id: string): string {
  return join(folderOf(containers, id), "upper");
}

export function workOf(containers: Containers, id: string): string {
  return join(folderOf(containers, id), "work");
}

/** All directories of a container's root file system, topmost first. */
export function rootLayers(containers: Containers, container: Container): string[] {
  return [upperOf(containers, container.record.id), ...lowerLayers(containers, container)];
}

/** What is needed to reach a container's files, whether it runs or not. */
export function filesOf(containers: Containers, container: Container): ContainerFiles {
  const { id, state, hostConfig, mounts } = container.record;
  return {
    lower: lowerLayers(containers, container),
    upper: upperOf(containers, id),
    work: workOf(containers, id),
    ...(state.Running && state.Pid > 0 && { pid: state.Pid }),
    readOnlyRootfs: hostConfig.ReadonlyRootfs,
    mounts: mounts.filter(({ type }) => type !== "tmpfs"),
  };
}

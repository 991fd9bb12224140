import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { hasCode, notFound } from "../../errors.ts";
import { type IdMapping, rootOutside } from "../../formats/id-mapping.ts";
import { type ByteString, bytesOfText } from "../../formats/tar/tar-entry.ts";
import { asFileOwner } from "../../sys/idmapped-mount.ts";
import { MS, mount, mountLayers, mountOverlay } from "../../sys/mount.ts";
import { cloneRoot, inPrivateMounts } from "../../sys/namespaces.ts";
import { isAlive } from "../../sys/process.ts";
import {
  closeDescriptor,
  createFileAt,
  descriptorPath,
  makeDirectoryAt,
  openInRoot,
  pathFlag,
  splitPath,
} from "../../sys/safe-path.ts";
import { mountLocal } from "../../volumes/local-mount.ts";
import { isMounted } from "../../volumes/mounted.ts";
import { openSubpath } from "../../volumes/subpath.ts";
import type { ContainerFiles, MountedFiles } from "./archive-job.ts";

const { O_DIRECTORY } = constants;
const readOnlyFlag = 1;
const remountFlag = 32;

type Access = "read" | "write";

/**
 * Runs `work`, which must not be async, with the container's root directory open: that of its process while it runs, else
 * mounted with its volumes where only this thread sees them. For a worker thread.
 * @param work gets the mapping of the owners it sees; undefined where they are as on the disk
 */
export function withRoot<R>(
  files: ContainerFiles,
  access: Access,
  work: (rootFd: number, mapping?: IdMapping) => R,
): R {
  const runningFd = files.process && findRunningRoot(files.process);
  if (runningFd !== undefined) return onRunning(files, runningFd, work);
  return inPrivateMounts(() => {
    mountRoot(files, access);
    const rootFd = openSync(files.upper, pathFlag | O_DIRECTORY);
    try {
      for (const entry of files.mounts) mountVolume(rootFd, entry);
      if (files.readOnlyRootfs)
        mount("none", files.upper, "none", MS.BIND | remountFlag | readOnlyFlag, null);
      return work(rootFd);
    } finally {
      closeSync(rootFd);
    }
  });
}

/** As `withRoot`, to read what is the container's alone: nothing is mounted there, and what its mounts lie on is seen. */
export function withOwnRoot<R>(files: ContainerFiles, work: (rootFd: number, mapping?: IdMapping) => R): R {
  const runningFd = files.process && cloneRunningRoot(files.process);
  if (runningFd !== undefined) return onRunning(files, runningFd, work);
  const { process: _, ...stopped } = files;
  return withRoot({ ...stopped, mounts: [] }, "read", work);
}

/** Closes the root. */
function onRunning<R>(
  { mapping }: ContainerFiles,
  rootFd: number,
  work: (rootFd: number, mapping?: IdMapping) => R,
): R {
  try {
    if (!mapping) return work(rootFd);
    // The machine's own root has no place among the owners of its files.
    return asFileOwner(rootOutside(mapping), () => work(rootFd, mapping));
  } finally {
    closeSync(rootFd);
  }
}

/** Over the upper directory itself. Nothing of the host is hidden by it: only this thread sees the mounts. */
function mountRoot(files: ContainerFiles, access: Access): void {
  const { id, lower, upper, work } = files;
  try {
    if (access === "read") mountForReading(files);
    else mountOverlay({ lower, upper, work }, upper);
  } catch (error) {
    if (existsSync(upper)) throw error;
    throw notFound(`No such container: ${id ?? ""}`.trim(), error);
  }
}

/** An upper directory is one mount's only, and there may be many readers, or a start. What is made for them is in memory. */
function mountForReading({ lower, upper, work }: ContainerFiles): void {
  mount("tmpfs", work, "tmpfs", 0, "mode=700,size=1m");
  const [own, ownWork] = [join(work, "upper"), join(work, "work")];
  const { uid, gid, mode } = statSync(upper);
  for (const path of [own, ownWork]) mkdirSync(path);
  chownSync(own, uid, gid);
  chmodSync(own, mode & 0o7777);
  mountOverlay({ lower: [upper, ...lower], upper: own, work: ownWork }, upper);
}

/** Returns undefined when it has ended meanwhile, which the container's record may not yet say. */
function findRunningRoot({ pid, startTicks }: NonNullable<ContainerFiles["process"]>): number | undefined {
  let rootFd: number;
  try {
    rootFd = openSync(`/proc/${pid}/root`, pathFlag | O_DIRECTORY);
  } catch {
    return undefined;
  }
  // Its number may belong to another process by now, of the host or of another container.
  const [theirs, ours] = [statSync(`${descriptorPath(rootFd)}/.`), statSync("/")];
  const isHosts = theirs.dev === ours.dev && theirs.ino === ours.ino;
  if (isAlive(pid, startTicks) && !isHosts) return rootFd;
  closeSync(rootFd);
  return undefined;
}

/** The same, of its root mount alone. */
function cloneRunningRoot({ pid, startTicks }: NonNullable<ContainerFiles["process"]>): number | undefined {
  let rootFd: number;
  try {
    rootFd = inPrivateMounts(() => cloneRoot(pid));
  } catch (error) {
    if (isAlive(pid, startTicks)) throw error;
    return undefined;
  }
  // Its number may belong to another process by now.
  if (isAlive(pid, startTicks)) return rootFd;
  closeSync(rootFd);
  return undefined;
}

/** The caller closes it. */
function openSource({ source, subpath, layers, local }: MountedFiles): number {
  const base = layers ? mergeLayers(layers) : source;
  if (local && !isMounted(source)) mountLocal(local, source);
  if (subpath) return openSubpath(base, subpath);
  try {
    return openSync(base, pathFlag);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    throw notFound(`bind source path does not exist: ${base}`, error);
  }
}

/** Over the topmost layer itself, where only this thread sees it. @returns where the layers are one tree */
function mergeLayers(layers: string[]): string {
  const [first = "", ...others] = layers;
  if (others.length > 0) mountLayers(layers, first);
  return first;
}

function mountVolume(rootFd: number, entry: MountedFiles): void {
  const { destination, readOnly } = entry;
  const sourceFd = openSource(entry);
  try {
    const isDirectory = fstatSync(sourceFd).isDirectory();
    const fd = openMountpoint(rootFd, bytesOfText(destination), isDirectory);
    try {
      mount(descriptorPath(sourceFd), descriptorPath(fd), "none", MS.BIND | MS.REC, null);
    } finally {
      closeDescriptor(fd);
    }
  } finally {
    closeDescriptor(sourceFd);
  }
  if (!readOnly) return;
  // The mount is on top now: the same path leads to it.
  const mounted = openInRoot(rootFd, bytesOfText(destination), pathFlag);
  try {
    mount("none", descriptorPath(mounted), "none", MS.BIND | remountFlag | readOnlyFlag, null);
  } finally {
    closeDescriptor(mounted);
  }
}

/** Made when missing, as a start makes it. */
function openMountpoint(rootFd: number, destination: ByteString, isDirectory: boolean): number {
  try {
    return openInRoot(rootFd, destination, pathFlag);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  const parts = splitPath(destination) ?? [];
  for (const [index, name] of parts.entries()) {
    const parentFd = openInRoot(rootFd, parts.slice(0, index).join("/"), pathFlag | O_DIRECTORY);
    try {
      if (isDirectory || index < parts.length - 1) makeDirectoryAt(parentFd, name, 0o755);
      else closeDescriptor(createFileAt(parentFd, name, 0o644));
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    } finally {
      closeDescriptor(parentFd);
    }
  }
  return openInRoot(rootFd, destination, pathFlag);
}

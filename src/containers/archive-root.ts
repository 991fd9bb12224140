import { closeSync, constants, openSync, statSync } from "node:fs";
import { conflict, hasCode, notFound } from "../errors.ts";
import { type ByteString, bytesOfText } from "../formats/tar-entry.ts";
import { MS, mount, mountOverlay } from "../sys/mount.ts";
import { inPrivateMounts } from "../sys/namespaces.ts";
import {
  closeDescriptor,
  createFileAt,
  descriptorPath,
  makeDirectoryAt,
  openInRoot,
  pathFlag,
  splitPath,
} from "../sys/safe-path.ts";
import type { ContainerFiles } from "./archive-job.ts";

const { O_DIRECTORY } = constants;
const readOnlyFlag = 1;
const remountFlag = 32;

/**
 * Runs `work`, which must not be async, with the container's root directory open: that of its process when it runs, else
 * mounted with its volumes where only this thread sees them. For a worker thread.
 */
export function withRoot<R>(files: ContainerFiles, work: (rootFd: number) => R): R {
  if (files.pid !== undefined) return withRunningRoot(files.pid, work);
  return inPrivateMounts(() => {
    // Nothing of the host is lost under it: nobody but this thread sees the mount.
    mountOverlay({ lower: files.lower, upper: files.upper, work: files.work }, files.upper);
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

function withRunningRoot<R>(pid: number, work: (rootFd: number) => R): R {
  let rootFd: number;
  try {
    rootFd = openSync(`/proc/${pid}/root`, pathFlag | O_DIRECTORY);
  } catch (error) {
    throw conflict("the container has stopped meanwhile", error);
  }
  try {
    // Its number may belong to another process by now, one of the host.
    const [theirs, ours] = [statSync(`${descriptorPath(rootFd)}/.`), statSync("/")];
    if (theirs.dev === ours.dev && theirs.ino === ours.ino) {
      throw conflict("the container has stopped meanwhile");
    }
    return work(rootFd);
  } finally {
    closeSync(rootFd);
  }
}

function mountVolume(
  rootFd: number,
  { source, destination, readOnly }: ContainerFiles["mounts"][number],
): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(source).isDirectory();
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    throw notFound(`bind source path does not exist: ${source}`, error);
  }
  const fd = openMountpoint(rootFd, bytesOfText(destination), isDirectory);
  try {
    mount(source, descriptorPath(fd), "none", MS.BIND | MS.REC, null);
  } finally {
    closeDescriptor(fd);
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

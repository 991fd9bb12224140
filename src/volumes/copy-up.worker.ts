import { closeSync, constants, mkdirSync, openSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { hasCode } from "../errors.ts";
import { bytesOfText } from "../formats/tar/tar-entry.ts";
import { mountMappedLayers } from "../sys/idmapped-mount.ts";
import { serveJobs } from "../sys/jobs.ts";
import { mount, mountLayers } from "../sys/mount.ts";
import { inPrivateMounts } from "../sys/namespaces.ts";
import { listDirectory, openInRoot } from "../sys/safe-path.ts";
import { copyDirectory } from "../trees/copy.ts";
import { removeTree } from "../trees/remove.ts";
import type { CopyJob, CopyRemap, CopyUpJob } from "./copy-up.ts";

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY;

/** The directory at `path` as a process in the image would find it; undefined when there is none. */
function openImageDirectory(root: string, path: string): number | undefined {
  const rootFd = openSync(root, directoryFlags);
  try {
    return openInRoot(rootFd, bytesOfText(path), directoryFlags);
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return undefined;
    throw error;
  } finally {
    closeSync(rootFd);
  }
}

function copyFrom(root: string, destination: string, targetFd: number): void {
  const source = openImageDirectory(root, destination);
  if (source === undefined) return;
  try {
    copyDirectory(source, targetFd);
  } finally {
    closeSync(source);
  }
}

/** In a private mount namespace: the layers as a user namespace sees them, below a folder that is covered. @returns where */
function mountRemapped(layers: string[], folder: string, { userns, owner }: CopyRemap): string {
  mount("none", folder, "tmpfs", 0, "mode=700");
  const [root, scratch] = [join(folder, "root"), join(folder, "scratch")];
  for (const path of [root, scratch]) mkdirSync(path);
  const userFd = openSync(userns, constants.O_RDONLY);
  try {
    mountMappedLayers(layers, root, { userFd, owner, scratch });
  } finally {
    closeSync(userFd);
  }
  return root;
}

/** The kernel merges the layers: an overlay that only this thread sees. */
function copyUp(job: CopyJob): void {
  const { imageDirectories: layers, destination, target, remap } = job;
  const [first, ...others] = layers;
  if (first === undefined) return;
  const targetFd = openSync(target, directoryFlags);
  try {
    if (remap)
      inPrivateMounts(() => copyFrom(mountRemapped(layers, dirname(target), remap), destination, targetFd));
    else if (others.length === 0) copyFrom(first, destination, targetFd);
    else
      inPrivateMounts(() => {
        // Over the topmost layer itself: no folder is needed that a crash could leave.
        mountLayers(layers, first);
        copyFrom(first, destination, targetFd);
      });
  } finally {
    closeSync(targetFd);
  }
}

function empty(target: string): void {
  const targetFd = openSync(target, directoryFlags);
  try {
    for (const name of listDirectory(targetFd)) removeTree(targetFd, name);
  } finally {
    closeSync(targetFd);
  }
}

serveJobs<CopyUpJob, boolean>((job) => {
  if (job.kind === "isEmpty") return readdirSync(job.target).length === 0;
  if (job.kind === "empty") {
    empty(job.target);
    return true;
  }
  copyUp(job);
  return true;
});

import { closeSync, constants, openSync } from "node:fs";
import { hasCode } from "../errors.ts";
import { bytesOfText } from "../formats/tar/tar-entry.ts";
import { serveJobs } from "../sys/jobs.ts";
import { mount } from "../sys/mount.ts";
import { inPrivateMounts } from "../sys/namespaces.ts";
import { openInRoot } from "../sys/safe-path.ts";
import { copyDirectory } from "../trees/copy.ts";
import type { CopyJob } from "./copy-up.ts";

const mountReadOnly = 1;
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

function copyFrom(root: string, { destination, target }: CopyJob): void {
  const source = openImageDirectory(root, destination);
  if (source === undefined) return;
  try {
    const targetFd = openSync(target, directoryFlags);
    try {
      copyDirectory(source, targetFd);
    } finally {
      closeSync(targetFd);
    }
  } finally {
    closeSync(source);
  }
}

/** The kernel merges the layers: an overlay that only this thread sees. */
function copyUp(job: CopyJob): void {
  const [first, ...others] = job.imageDirectories;
  if (first === undefined) return;
  if (others.length === 0) {
    copyFrom(first, job);
    return;
  }
  inPrivateMounts(() => {
    // Over the topmost layer itself: no folder is needed that a crash could leave.
    mount("overlay", first, "overlay", mountReadOnly, `lowerdir=${job.imageDirectories.join(":")}`);
    copyFrom(first, job);
  });
}

serveJobs<CopyJob, void>(copyUp);

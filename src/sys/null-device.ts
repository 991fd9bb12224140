import { chmodSync, constants, openSync, rmSync } from "node:fs";
import { makeNode } from "./device-node.ts";
import { mount } from "./mount.ts";
import { inPrivateMounts } from "./namespaces.ts";

const MS_NOSUID = 2;
const MS_NOEXEC = 8;

let folderFd: number | undefined;
let count = 0;

/**
 * Opens a /dev/null that no other process has: a process that has the host's open may change its mode or owner.
 * @param mountPoint a directory, only covered for a moment and for the calling thread
 * @returns its only descriptor, which the caller closes
 */
export function openOwnNull(mountPoint: string): number {
  folderFd ??= openNodeFolder(mountPoint);
  const name = `null-${count++}`;
  makeNode(folderFd, name, "characterDevice", { major: 1, minor: 3 });
  const path = `/proc/self/fd/${folderFd}/${name}`;
  try {
    chmodSync(path, 0o666);
    return openSync(path, constants.O_RDWR);
  } finally {
    rmSync(path);
  }
}

/** A file system in memory where device nodes work, which they don't in /run. It lasts as long as its descriptor. */
function openNodeFolder(mountPoint: string): number {
  return inPrivateMounts(() => {
    mount("none", mountPoint, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=700,size=64k");
    return openSync(mountPoint, constants.O_RDONLY | constants.O_DIRECTORY);
  });
}

import { statSync } from "node:fs";
import { dirname } from "node:path/posix";
import { type ByteString, bytesOfText, textOfBytes } from "../formats/tar/tar-entry.ts";
import { SyscallError } from "../sys/libc.ts";
import { type MergedRoot, type MountpointKind, openMergedRoot } from "../trees/merged.ts";
import { checkProcTarget } from "../volumes/proc-targets.ts";
import type { LaunchMount } from "./launch-mount.ts";

/** Where a container's mounts are made. */
export interface Settled {
  mounts: LaunchMount[];
  missing: string[];
}

/** Of two at one place the first counts; parents come before what lies below them. */
export function orderMounts(mounts: LaunchMount[]): LaunchMount[] {
  const firstOf = new Map<string, LaunchMount>();
  for (const mount of mounts) if (!firstOf.has(mount.destination)) firstOf.set(mount.destination, mount);
  const depth = ({ destination }: LaunchMount) => destination.split("/").length;
  return [...firstOf.values()].sort((a, b) => depth(a) - depth(b));
}

/**
 * Has each mount made where its destination leads in the container's root file system, with what is mounted before it: an image, or
 * what is in a volume, may have put a link to the kernel's own files there. Makes what is missing of a destination in a volume.
 * @param layers directories of the root file system, topmost first
 * @param onSource called before anything of a source is looked at; what it throws is thrown
 * @returns `missing`: directories that are still to be made in the root file system, since runtimes give them other modes
 * @throws EngineError invalid for one that leads into /proc
 */
export async function settleDestinations(
  layers: readonly string[],
  mounts: readonly LaunchMount[],
  onSource?: (source: string) => void,
): Promise<Settled> {
  const settled: LaunchMount[] = [];
  const missing: string[] = [];
  const root = openMergedRoot(layers, onSource);
  try {
    for (const mount of mounts) {
      const isBind = mount.type === "bind";
      const destination = root.resolve(bytesOfText(mount.destination));
      await checkProcTarget(textOfBytes(destination), isBind ? (mount.source ?? "") : "");
      // A runtime gives a tmpfs the mode of what it finds there.
      const kind = !isBind ? "parents" : isDirectory(mount) ? "directory" : "file";
      const isThere = makeMountpoint(root, destination, kind);
      root.mount(destination, isBind ? mount.source : undefined);
      const text = textOfBytes(destination);
      if (!isThere && !kernels.test(text)) missing.push(kind === "directory" ? text : dirname(text));
      // A path that is not text cannot be passed to a runtime, which then follows the link itself.
      settled.push(bytesOfText(text) === destination ? { ...mount, destination: text } : mount);
    }
  } finally {
    root.close();
  }
  return { mounts: settled, missing };
}

/** Where the kernel's own file systems will be. */
const kernels = /^\/(?:proc|sys|dev)(?:\/|$)/;

/** Where it cannot be made the runtime says why. */
function makeMountpoint(root: MergedRoot, destination: ByteString, kind: MountpointKind): boolean {
  try {
    return root.makeInMount(destination, kind);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return true;
  }
}

function isDirectory({ source, isDirectory: isKnown }: LaunchMount): boolean {
  if (isKnown !== undefined || source === undefined) return isKnown ?? false;
  return statSync(source, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

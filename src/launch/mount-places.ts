import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import { hasCode } from "../errors.ts";
import { rootOutside } from "../formats/id-mapping.ts";
import { type MappedOptions, mountMappedLayers, mountMappedOverlay } from "../sys/idmapped-mount.ts";
import {
  attachMount,
  cloneMount,
  detach,
  MS,
  mount,
  mountLayers,
  mountOverlay,
  type Overlay,
} from "../sys/mount.ts";
import { inPrivateMounts } from "../sys/namespaces.ts";
import { closeDescriptor, descriptorPath } from "../sys/safe-path.ts";
import { type OpenedPart, openMountPart } from "../volumes/subpath.ts";
import type { UserNamespaceChoice } from "./namespaces.ts";

/**
 * Places on the host where something is mounted for as long as a start takes: a runtime binds what is there, and a container has its
 * own mount by then.
 */
export interface MountPlaces {
  /** Mounts layers, topmost first, read-only. @returns where @throws an error with `code` */
  mountLayers(name: string, layers: readonly string[]): string;
  /** Mounts an overlay that is written to. @returns where @throws an error with `code` */
  mountOverlay(name: string, overlay: Overlay): string;
  /** Mounts a file system that is in memory alone, and for root alone. @returns where @throws an error with `code` */
  mountMemory(name: string, sizeBytes: number): string;
  /** Binds what is at a path below a directory, which no link leads out of. @returns where @throws internal in Docker's words */
  mountPart(name: string, base: string, subpath: string): string;
  /** Binds what has been opened, and closes it. @returns where */
  mountOpened(name: string, part: OpenedPart): string;
  /** Takes all of them away. */
  close(): void;
}

/**
 * @param folder is made with the first place
 * @param userNamespace in which the layers are seen, with their owners mapped
 */
export function openMountPlaces(folder: string, userNamespace?: UserNamespaceChoice): MountPlaces {
  clearMountPlaces(folder);
  const place = (name: string) => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return join(folder, name);
  };
  return {
    mountLayers(name, layers) {
      const path = place(name);
      mkdirSync(path, { mode: 0o755 });
      if (userNamespace)
        mountMapped(userNamespace, folder, path, (options) => mountMappedLayers(layers, path, options));
      else mountLayers(layers, path);
      return path;
    },
    mountOverlay(name, overlay) {
      const path = place(name);
      mkdirSync(path, { mode: 0o755 });
      if (userNamespace)
        mountMapped(userNamespace, folder, path, (options) => mountMappedOverlay(overlay, path, options));
      else mountOverlay(overlay, path);
      return path;
    },
    mountMemory(name, sizeBytes) {
      const path = place(name);
      mkdirSync(path, { mode: 0o700 });
      const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
      mount("tmpfs", path, "tmpfs", flags, `mode=0700,size=${sizeBytes}`);
      return path;
    },
    mountPart: (name, base, subpath) => mountOpened(openMountPart(base, subpath), place(name)),
    mountOpened: (name, part) => mountOpened(part, place(name)),
    close: () => clearMountPlaces(folder),
  };
}

/** In a mount namespace that no one else is in, out of which only what is mounted at `path` comes. */
function mountMapped(
  { path: userns, mapping }: UserNamespaceChoice,
  folder: string,
  path: string,
  mountAt: (options: MappedOptions) => void,
): void {
  const userFd = openSync(userns, "r");
  let fd: number | undefined;
  try {
    fd = inPrivateMounts(() => {
      const scratch = join(folder, "scratch");
      mkdirSync(scratch);
      mount("scratch", scratch, "tmpfs", 0, "mode=700");
      mountAt({ userFd, owner: rootOutside(mapping), scratch });
      return cloneMount(path);
    });
    attachMount(fd, path);
  } finally {
    rmSync(join(folder, "scratch"), { recursive: true, force: true });
    for (const one of [userFd, fd]) if (one !== undefined) closeSync(one);
  }
}

/** @returns the place */
function mountOpened({ fd, isDirectory }: OpenedPart, place: string): string {
  try {
    if (isDirectory) mkdirSync(place, { mode: 0o755 });
    else closeSync(openSync(place, "wx", 0o600));
    mount(descriptorPath(fd), place, "none", MS.BIND | MS.REC, null);
  } finally {
    closeDescriptor(fd);
  }
  return place;
}

/** Removes nothing but empty places: what is mounted there is someone's. */
export function clearMountPlaces(folder: string): void {
  if (!existsSync(folder)) return;
  // The parts of an image before the image.
  for (const name of readdirSync(folder).sort().reverse()) {
    const place = join(folder, name);
    detachAll(place);
    try {
      unlinkSync(place);
    } catch (error) {
      if (!hasCode(error, "EISDIR") && !hasCode(error, "EPERM")) throw error;
      rmdirSync(place);
    }
  }
  rmdirSync(folder);
}

function detachAll(place: string): void {
  for (;;) {
    try {
      detach(place);
    } catch (error) {
      if (hasCode(error, "EINVAL")) return;
      throw error;
    }
  }
}

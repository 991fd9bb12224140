import { closeSync, mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { hasCode, unavailable } from "../errors.ts";
import type { IdPair } from "../formats/id-mapping.ts";
import { check, declare } from "./libc.ts";
import { attachMount, cloneMount, detach, mountLayers, mountOverlay, type Overlay } from "./mount.ts";
import { inDirectory } from "./namespaces.ts";

const setattrCall = declare(
  "long syscall(long number, int fd, const char *path, uint flags, const void *attributes, ulong size)",
);
const mountSetattrNumber = 442;
const AT_EMPTY_PATH = 0x1000;
const MOUNT_ATTR_IDMAP = 0x10_0000n;
const attributesBytes = 32;

/**
 * A copy of the mount at `path`, attached nowhere, in which each owner appears as a user namespace maps it: what is root's on the disk
 * is the namespace's root's, and what that one makes is root's on the disk. The caller closes it.
 * @param isRecursive what is mounted below comes along as it is
 * @throws EngineError unavailable where the file system cannot do that; SyscallError
 */
function cloneMapped(path: string, userFd: number, { isRecursive = false } = {}): number {
  const fd = cloneMount(path, { isRecursive });
  try {
    const attributes = Buffer.alloc(attributesBytes);
    attributes.writeBigUInt64LE(MOUNT_ATTR_IDMAP, 0);
    attributes.writeBigUInt64LE(BigInt(userFd), 24);
    const result = setattrCall(mountSetattrNumber, fd, "", AT_EMPTY_PATH, attributes, attributesBytes);
    check(Number(result), "mount_setattr", path);
    return fd;
  } catch (error) {
    closeSync(fd);
    const isUnable = ["EINVAL", "ENOSYS", "EOPNOTSUPP"].some((code) => hasCode(error, code));
    if (isUnable) throw unavailable(`the file system of ${path} supports no idmapped mounts`, error);
    throw error;
  }
}

/**
 * Attaches a mapped copy of what is at `path` to a file or directory.
 * @param options with `isRecursive`, what is mounted below comes along as it is
 * @throws EngineError unavailable where the file system cannot do that; SyscallError
 */
export function attachMapped(
  path: string,
  target: string,
  userFd: number,
  options?: { isRecursive: boolean },
): void {
  const fd = cloneMapped(path, userFd, options);
  try {
    attachMount(fd, target);
  } finally {
    closeSync(fd);
  }
}

export interface MappedOptions {
  userFd: number;
  /** The namespace's root, as the machine knows it. */
  owner: IdPair;
  /** An empty directory, only used while the call lasts. */
  scratch: string;
}

/**
 * As `mountOverlay`, with all owners mapped: an overlay cannot be mapped itself, but its layers can (Linux 5.19). Needs a mount namespace that
 * nothing else is done in, for the layers are mounted in `scratch` meanwhile. `target` is absolute. @throws as `attachMapped`, `mountOverlay`
 */
export function mountMappedOverlay(overlay: Overlay, target: string, options: MappedOptions): void {
  withMappedLayers([overlay.upper, overlay.work, ...overlay.lower], options, (paths) => {
    const [upper = "", work = "", ...lower] = paths;
    // The kernel makes files as who has mounted the overlay, and the machine's root has no place in the layers' mapping.
    asFileOwner(options.owner, () => mountOverlay({ ...overlay, lower, upper, work }, target));
  });
}

/** As `mountLayers`; otherwise as `mountMappedOverlay`. */
export function mountMappedLayers(layers: readonly string[], target: string, options: MappedOptions): void {
  withMappedLayers(layers, options, (paths) => mountLayers(paths, target));
}

/**
 * Directories that are beside each other come with one mount, as the overlay asks it of its upper and work directories. The paths are
 * relative to `scratch`, where `use` runs: those of all layers are to fit in one page.
 */
function withMappedLayers(
  layers: readonly string[],
  { userFd, scratch }: MappedOptions,
  use: (paths: string[]) => void,
): void {
  const places = new Map<string, string>();
  try {
    for (const parent of new Set(layers.map((layer) => dirname(layer)))) {
      const place = join(scratch, String(places.size));
      mkdirSync(place);
      attachMapped(parent, place, userFd);
      places.set(parent, place);
    }
    const names = layers.map((layer) => join(basename(places.get(dirname(layer)) ?? ""), basename(layer)));
    inDirectory(scratch, () => use(names));
  } finally {
    // The overlay has mounts of its own of them. No one else is to find the layers here.
    for (const place of places.values()) detach(place);
  }
}

const setfsuidCall = declare("int setfsuid(uint uid)");
const setfsgidCall = declare("int setfsgid(uint gid)");
const capgetCall = declare("int capget(void *header, void *data)");
const capsetCall = declare("int capset(void *header, const void *data)");
const capabilityVersion3 = 0x2008_0522;

/**
 * Runs `work`, which must not be async, with files of the calling thread made as someone else's. It keeps all capabilities, so that no
 * file is out of its reach.
 */
export function asFileOwner<R>({ uid, gid }: IdPair, work: () => R): R {
  setfsgidCall(gid);
  setfsuidCall(uid);
  try {
    raisePermitted();
    return work();
  } finally {
    setfsuidCall(0);
    setfsgidCall(0);
  }
}

/** A thread that gives up root as the owner of files loses the capabilities for them with it. */
function raisePermitted(): void {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(capabilityVersion3, 0);
  const data = Buffer.alloc(24);
  check(capgetCall(header, data), "capget");
  for (const set of [0, 12]) data.writeUInt32LE(data.readUInt32LE(set + 4), set);
  check(capsetCall(header, data), "capset");
}

/** Whether mounts of that file system can be mapped. @throws as `attachMapped` */
export function checkMappable(path: string, userFd: number): void {
  closeSync(cloneMapped(path, userFd));
}

import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openMergedRoot } from "../../trees/merged.ts";

/*
 * The layer below every container's own: what mounts are put over is in it, not in the container's changes. Its directories hide
 * the owners and modes of the image's, so there is one such layer for each way these may be, made when a container needs it.
 */

const usual = "init";
const directories = ["etc", "dev", "proc", "sys", "dev/pts", "dev/shm", "dev/mqueue"];
const files = [".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf"];

interface Attributes {
  uid: number;
  gid: number;
  mode: number;
}

const usualAttributes: Attributes = { uid: 0, gid: 0, mode: 0o755 };

/** @param name as `makeInitLayer` gave it; "" for the usual one */
export function initLayerPath(root: string, name: string | undefined): string {
  return join(root, name || usual);
}

/** The one that most images do with. */
export function makeUsualInitLayer(root: string): void {
  fill(join(root, usual), new Map());
}

/**
 * Makes the one for an image, unless it is there. @param layers of the image, topmost first
 * @returns its name, "" for the usual one
 */
export function makeInitLayer(root: string, layers: readonly string[]): string {
  const unusual = new Map<string, Attributes>();
  const image = openMergedRoot(layers);
  try {
    for (const path of directories) {
      const stats = image.findDirectory(path);
      if (!stats) continue;
      const is = { uid: stats.uid, gid: stats.gid, mode: stats.mode & 0o7777 };
      if (!isSame(is, usualAttributes)) unusual.set(path, is);
    }
  } finally {
    image.close();
  }
  if (unusual.size === 0) return "";
  const digest = createHash("sha256")
    .update(JSON.stringify([...unusual]))
    .digest("hex");
  const name = `${usual}-${digest.slice(0, 16)}`;
  fill(join(root, name), unusual);
  return name;
}

function isSame(a: Attributes, b: Attributes): boolean {
  return a.uid === b.uid && a.gid === b.gid && a.mode === b.mode;
}

/** Leaves the link that is there: the layer is below containers that run. */
function linkMtab(path: string): void {
  const target = "/proc/mounts";
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isSymbolicLink() && readlinkSync(path) === target) return;
  rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path);
}

/** One that a crash has left half-made is completed. */
function fill(path: string, unusual: ReadonlyMap<string, Attributes>): void {
  for (const name of directories) mkdirSync(join(path, name), { recursive: true, mode: 0o755 });
  for (const name of files) writeFileSync(join(path, name), "", { flag: "a", mode: 0o644 });
  linkMtab(join(path, "etc/mtab"));
  for (const [name, { uid, gid, mode }] of unusual) {
    chownSync(join(path, name), uid, gid);
    chmodSync(join(path, name), mode);
  }
}

import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import { hasCode } from "../errors.ts";
import { detach, MS, mount, mountLayers } from "../sys/mount.ts";
import { closeDescriptor, descriptorPath } from "../sys/safe-path.ts";
import { openSubpath } from "../volumes/subpath.ts";
import type { ResolvedMount } from "../volumes/volumes.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import { layersOfMounted } from "./image-mounts.ts";

/**
 * Mounts that a runtime takes for a container's own: images, and parts of volumes as they were found, since a path would be
 * looked up once more, and a container may have put a link there meanwhile.
 */
export interface MountSources {
  /** All of the container's mounts, each with a source that can be bound. */
  mounts: ResolvedMount[];
  /** Takes them from the host. The container has its own by then. */
  close(): void;
}

const folderFor = ({ settings }: Containers, id: string) => join(settings.execRoot, "mounts", id);

/** Where a container's image is mounted while it starts; as `inspect` shows it. */
export function imageSource(containers: Containers, id: string, index: number): string {
  return join(folderFor(containers, id), String(index));
}

/** The caller closes them. @throws internal in Docker's words for a part that is not there, or leads outside */
export function openMountSources(containers: Containers, container: Container): MountSources {
  const { id, mounts } = container.record;
  const folder = folderFor(containers, id);
  const needsOne = ({ type, subpath }: ResolvedMount) => type === "image" || subpath !== "";
  if (!mounts.some(needsOne)) return { mounts, close() {} };
  clearFolder(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const close = () => clearFolder(folder);
  try {
    const opened = mounts.map((one, index) => {
      if (!needsOne(one)) return one;
      const place = join(folder, String(index));
      if (one.type !== "image") return { ...one, source: mountPart(one.source, one.subpath, place) };
      mkdirSync(place, { mode: 0o755 });
      mountLayers(layersOfMounted(containers, container.record, one.imageId), place);
      if (one.subpath === "") return { ...one, source: place };
      return { ...one, source: mountPart(place, one.subpath, `${place}-part`) };
    });
    return { mounts: opened, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Binds what is at `subpath` in `base` to a new `place`. @returns the place */
function mountPart(base: string, subpath: string, place: string): string {
  const fd = openSubpath(base, subpath);
  try {
    if (fstatSync(fd).isDirectory()) mkdirSync(place, { mode: 0o755 });
    else closeSync(openSync(place, "wx", 0o600));
    mount(descriptorPath(fd), place, "none", MS.BIND | MS.REC, null);
  } finally {
    closeDescriptor(fd);
  }
  return place;
}

/** Takes away what a daemon has left that was killed amid a start. */
export function clearMountSources({ settings }: Containers): void {
  const all = join(settings.execRoot, "mounts");
  if (!existsSync(all)) return;
  for (const id of readdirSync(all)) clearFolder(join(all, id));
}

/** Removes nothing but empty places: what is mounted there is someone's. */
function clearFolder(folder: string): void {
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

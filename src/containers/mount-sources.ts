import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { clearMountPlaces, openMountPlaces } from "../launch/mount-places.ts";
import type { UserNamespaceChoice } from "../launch/namespaces.ts";
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

/** The caller closes them. @throws internal in Docker's words for a part that is not there, or leads outside; the signal's reason */
export async function openMountSources(
  containers: Containers,
  container: Container,
  userNamespace: UserNamespaceChoice | undefined,
  signal: AbortSignal,
): Promise<MountSources> {
  const { id, mounts } = container.record;
  const needsOne = ({ type, subpath }: ResolvedMount) => type === "image" || subpath !== "";
  if (!mounts.some(needsOne)) return { mounts, close() {} };
  const places = openMountPlaces(folderFor(containers, id), userNamespace);
  try {
    const open = async (one: ResolvedMount, index: number) => {
      const { type, source, subpath } = one;
      if (type !== "image") {
        const part = await containers.volumes.openPart(source, subpath, signal);
        return { ...one, source: places.mountOpened(`${index}`, part) };
      }
      const layers = layersOfMounted(containers, container.record, one.imageId);
      const place = places.mountLayers(`${index}`, layers);
      return { ...one, source: subpath === "" ? place : places.mountPart(`${index}-part`, place, subpath) };
    };
    const opened: ResolvedMount[] = [];
    for (const [index, one] of mounts.entries()) opened.push(needsOne(one) ? await open(one, index) : one);
    return { mounts: opened, close: places.close };
  } catch (error) {
    places.close();
    throw error;
  }
}

/** Takes away what a daemon has left that was killed amid a start. */
export function clearMountSources({ settings }: Containers): void {
  const all = join(settings.execRoot, "mounts");
  if (!existsSync(all)) return;
  for (const id of readdirSync(all)) clearMountPlaces(join(all, id));
}

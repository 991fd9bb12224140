import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import type { Containers } from "../containers/containers.ts";
import { imageUsers } from "../containers/images-in-use.ts";
import { sizesOf, summarizeContainer } from "../containers/inspect.ts";
import { volumeUsers } from "../containers/mounts.ts";
import { hasCode } from "../errors.ts";
import type { Volume } from "../formats/docker-api.ts";
import type { DiskUsageResponse } from "../formats/docker-api-system.ts";

/**
 * The answer to `GET /system/df`.
 * @param types of "container", "image", "volume", "build-cache"; none for all
 */
export async function describeDiskUse(
  { containers }: { containers: Containers },
  types: string[],
): Promise<DiskUsageResponse> {
  const wants = (type: string) => types.length === 0 || types.includes(type);
  const { images } = containers;
  return {
    LayersSize: await images.diskUseBytes(),
    Images: wants("image") ? describeImages(containers) : null,
    Containers: wants("container") ? await describeContainers(containers) : null,
    Volumes: wants("volume") ? await describeVolumes(containers) : null,
    BuildCache: wants("build-cache") ? [] : null,
  };
}

function describeImages(containers: Containers) {
  const { images } = containers;
  const users = imageUsers(containers);
  return images.list().map((image) => {
    const used = users.filter(({ imageId }) => imageId === image.id).length;
    return { ...images.summarize(image, used), SharedSize: images.sharedSizeBytes(image) };
  });
}

async function describeContainers(containers: Containers) {
  const all = [...containers.byId.values()];
  const now = Date.now();
  return Promise.all(
    all.map(async (container) => ({
      ...summarizeContainer(containers, container, now),
      ...(await sizesOf(containers, container)),
    })),
  );
}

async function describeVolumes(containers: Containers): Promise<Volume[]> {
  return Promise.all(
    containers.volumes.list().map(async (record) => ({
      ...containers.volumes.inspect(record),
      UsageData: {
        Size: await treeSizeBytes(containers.volumes.directoryOf(record)),
        RefCount: volumeUsers(containers, record.name).length,
      },
    })),
  );
}

/** What the files below a directory occupy, as `du` counts; those that vanish meanwhile count nothing. */
export async function treeSizeBytes(path: string): Promise<number> {
  let total = 0;
  try {
    for await (const entry of await opendir(path)) {
      const child = join(path, entry.name);
      total += entry.isDirectory() ? await treeSizeBytes(child) : (await lstat(child)).blocks * 512;
    }
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  return total;
}

import type { Containers } from "../containers/containers.ts";
import { volumeUsers } from "../containers/mounts.ts";
import { summarizeWithSizes } from "../containers/summary.ts";
import type { ContainerSummary, ImageSummary, Volume } from "../formats/docker-api/docker-api.ts";
import type { DiskUsageResponse } from "../formats/docker-api/docker-api-system.ts";
import { inSlices, mapWithPauses, type Slices } from "../sys/pauses.ts";
import { measureTree } from "../trees/trees.ts";
import type { VolumeRecord } from "../volumes/volume.ts";

/** The answer to `GET /system/df`; images and containers are described as it is sent. */
export interface DiskUse extends Omit<DiskUsageResponse, "Images" | "Containers"> {
  Images: Slices<ImageSummary> | null;
  Containers: Slices<ContainerSummary> | null;
}

/** @param types of "container", "image", "volume", "build-cache"; none for all */
export async function describeDiskUse(
  { containers }: { containers: Containers },
  types: string[],
): Promise<DiskUse> {
  const wants = (type: string) => types.length === 0 || types.includes(type);
  return {
    LayersSize: await imagesSizeBytes(containers),
    Images: wants("image") ? describeImages(containers) : null,
    Containers: wants("container") ? summarizeWithSizes(containers, [...containers.byId.values()]) : null,
    Volumes: wants("volume") ? await describeVolumes(containers) : null,
    BuildCache: wants("build-cache") ? [] : null,
  };
}

function describeImages(containers: Containers): Slices<ImageSummary> {
  const { images } = containers;
  return inSlices(images.list(), ({ id }) => {
    // Others may be removed while one is described.
    const image = images.findImage(id);
    if (!image) return undefined;
    const used = containers.byImage.of(id).size;
    return { ...images.summarize(image, used), SharedSize: images.sharedSizeBytes(image) };
  });
}

const volumesAtOnce = 16;

async function describeVolumes(containers: Containers): Promise<Volume[]> {
  return mapWithPauses(
    // As Docker: what is mounted for a volume is not this machine's to count.
    containers.volumes.list().filter(({ name }) => !containers.volumes.localMountOf(name)),
    async (record) => ({
      ...containers.volumes.inspect(record),
      UsageData: {
        Size: await volumeSizeBytes(containers, record),
        RefCount: volumeUsers(containers, record.name).length,
      },
    }),
    volumesAtOnce,
  );
}

/** What the image store occupies; -1 when it cannot be read. */
async function imagesSizeBytes({ images, logger }: Containers): Promise<number> {
  return images.diskUseBytes().catch((error: unknown) => {
    logger.warn({ error }, "the size of the image store could not be read");
    return -1;
  });
}

/** Bytes of a volume's content; -1 when it cannot be read. */
export async function volumeSizeBytes(
  { volumes, logger }: Containers,
  volume: VolumeRecord,
): Promise<number> {
  try {
    return (await measureTree(volumes.directoryOf(volume))).contentBytes;
  } catch (error) {
    logger.warn({ error, volume: volume.name }, "a volume's size could not be read");
    return -1;
  }
}

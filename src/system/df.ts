import type { Containers } from "../containers/containers.ts";
import { volumeUsers } from "../containers/mounts.ts";
import { measureAll, summarizeMeasured } from "../containers/summary.ts";
import type { ContainerSummary, ImageSummary, Volume } from "../formats/docker-api/docker-api.ts";
import type { DiskUsageResponse } from "../formats/docker-api/docker-api-system.ts";
import { inSlices, mapWithPauses, type Slices } from "../sys/pauses.ts";
import { createSharedWork } from "../sys/shared-work.ts";
import { measureTree } from "../trees/trees.ts";
import type { VolumeRecord } from "../volumes/volume.ts";

/** The answer to `GET /system/df`; images and containers are described as it is sent. */
export interface DiskUse extends Omit<DiskUsageResponse, "Images" | "Containers"> {
  Images: Slices<ImageSummary> | null;
  Containers: Slices<ContainerSummary> | null;
}

export const diskUseTypes = ["container", "image", "volume", "build-cache"];

/**
 * @param types of `diskUseTypes`; none for all
 * @param signal ends the measuring, unless others wait for it as well
 */
export async function describeDiskUse(
  { containers }: { containers: Containers },
  types: readonly string[],
  signal: AbortSignal,
): Promise<DiskUse> {
  const wants = (type: string) => types.length === 0 || types.includes(type);
  const measures = measuresOf(containers);
  const [imagesSize, measured, volumes] = await Promise.all([
    wants("image") ? measures.images(signal) : 0,
    wants("container") ? measures.containers(signal) : undefined,
    wants("volume") ? measures.volumes(signal) : null,
  ]);
  return {
    LayersSize: imagesSize,
    Images: wants("image") ? describeImages(containers) : null,
    Containers: measured ? summarizeMeasured(containers, measured) : null,
    Volumes: volumes,
    BuildCache: wants("build-cache") ? [] : null,
  };
}

/** Of each engine: to measure many files takes seconds, and monitors ask again and again. */
const known = new WeakMap<Containers, ReturnType<typeof createMeasures>>();

function measuresOf(containers: Containers) {
  const measures = known.get(containers) ?? createMeasures(containers);
  known.set(containers, measures);
  return measures;
}

function createMeasures(containers: Containers) {
  const share = <R>(measure: (containers: Containers, signal: AbortSignal) => Promise<R>) => {
    const shared = createSharedWork<undefined, R>();
    const begin = (signal: AbortSignal) => ({ state: undefined, done: measure(containers, signal) });
    return (signal: AbortSignal) => shared.join("", signal, begin, () => {});
  };
  return { images: share(imagesSizeBytes), containers: share(measureAll), volumes: share(describeVolumes) };
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

async function describeVolumes(containers: Containers, signal: AbortSignal): Promise<Volume[]> {
  return mapWithPauses(
    // As Docker: what is mounted for a volume is not this machine's to count.
    containers.volumes.list().filter(({ name }) => !containers.volumes.localMountOf(name)),
    async (record) => ({
      ...containers.volumes.inspect(record),
      UsageData: {
        Size: await volumeSizeBytes(containers, record, signal),
        RefCount: volumeUsers(containers, record.name).length,
      },
    }),
    volumesAtOnce,
  );
}

/** What the image store occupies; -1 when it cannot be read. */
async function imagesSizeBytes({ images, logger }: Containers, signal: AbortSignal): Promise<number> {
  return images.diskUseBytes(signal).catch((error: unknown) => {
    signal.throwIfAborted();
    logger.warn({ error }, "the size of the image store could not be read");
    return -1;
  });
}

/** Bytes of a volume's content; -1 when it cannot be read. */
export async function volumeSizeBytes(
  { volumes, logger }: Containers,
  volume: VolumeRecord,
  signal?: AbortSignal,
): Promise<number> {
  try {
    return (await measureTree(volumes.directoryOf(volume), signal)).contentBytes;
  } catch (error) {
    signal?.throwIfAborted();
    logger.warn({ error, volume: volume.name }, "a volume's size could not be read");
    return -1;
  }
}

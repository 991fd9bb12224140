import type { Registries } from "../distribution/registries.ts";
import type { Finding } from "../finding.ts";
import type { ImageHistoryItem, ImageInspect, ImageSummary } from "../formats/docker-api/docker-api.ts";
import { checkImages } from "./check.ts";
import { inspectImage, listHistory, sharedSizeBytes, summarizeImage } from "./describe.ts";
import { createImageExplorer, type ImageExplorer } from "./explore/explore.ts";
import { createImageHolds, directoriesOf, type ImageHolds } from "./holds.ts";
import { createLayerBlobs, type LayerBlobs } from "./layer-blobs.ts";
import { createImageNames, type ImageNames } from "./names.ts";
import { type ImagesOptions, openImageRoom } from "./room.ts";
import { contentOf, mainManifest, type PresentManifest, presentManifests } from "./select-manifest.ts";
import type { ImageRecord } from "./store/catalog.ts";
import { createDiskUse } from "./store/disk-use.ts";
import type { Snapshots } from "./store/snapshots.ts";
import { createImageTransfers, type ImageTransfers } from "./transfers.ts";

export type { ImageUser, ImageUsers } from "./remove.ts";
export type { ImageRecord } from "./store/catalog.ts";

/** The image store. */
export interface Images extends ImageNames, ImageHolds, ImageTransfers, ImageExplorer {
  /** `manifest`: that one of its manifests, as an image of its own. */
  inspect(image: ImageRecord, manifest?: PresentManifest): ImageInspect;
  /** `containers`: how many use it, or -1. */
  summarize(image: ImageRecord, containers: number): ImageSummary;
  /** chainIDs of all that it has here. */
  layersOf(image: ImageRecord): string[];
  /** Of its layers those that other images have too. */
  sharedSizeBytes(image: ImageRecord): number;
  history(image: ImageRecord, manifest?: PresentManifest): ImageHistoryItem[];
  /** An image's config, to the letter. @throws notFound */
  readConfig(manifest: PresentManifest): Promise<string>;
  /** What the store occupies on the disk, as `du` counts. */
  diskUseBytes(signal?: AbortSignal): Promise<number>;
  /** Layers to work on without an image. */
  readonly snapshots: Snapshots;
  /** Layers one by one. */
  readonly layerBlobs: LayerBlobs;
  /** Where images come from. */
  readonly registries: Registries;
  /** What is not as it should be in the store. @param owners who may hold layers */
  check(owners: ReadonlySet<string>): Promise<Finding[]>;
  close(): Promise<void>;
}

/** Opens the image store under the data root, removing what a crash left half-made. */
export async function createImages(options: ImagesOptions): Promise<Images> {
  const room = await openImageRoom(options);
  const { catalog, layers, snapshots, registries } = room;
  return {
    ...createImageNames(room),
    ...createImageHolds(room),
    ...createImageTransfers(room),
    ...createImageExplorer(room),
    inspect: (image, manifest) =>
      inspectImage(
        catalog,
        image,
        directoriesOf(room, (manifest?.content ?? contentOf(image)).layers),
        manifest,
      ),
    summarize: (image, containers) => summarizeImage(catalog, image, containers),
    layersOf: (image) => presentManifests(image).flatMap(({ content }) => content.layers),
    sharedSizeBytes: (image) => sharedSizeBytes(catalog, layers, image),
    history: (image, { content } = mainManifest(image)) => listHistory(catalog, layers, image, content),
    readConfig: ({ content }) => room.blobs.readText(content.configDigest),
    diskUseBytes: createDiskUse(room.root, layers),
    snapshots,
    layerBlobs: createLayerBlobs(room),
    registries,
    check: async (owners) => [...(await checkImages(room, owners)), ...(await snapshots.check())],
    async close() {
      await Promise.all([room.jobs.close(), room.network.close()]);
    },
  };
}

import { startNetwork } from "../distribution/network.ts";
import { openRegistries, type Registries } from "../distribution/registries.ts";
import { defaultRegistrySettings, type RegistrySettings } from "../distribution/settings.ts";
import type { Events } from "../events/events.ts";
import type { Logger } from "../logger.ts";
import type { State } from "../state/state.ts";
import { createSlots, type Slots } from "../sys/slots.ts";
import { type ImageJobs, startImageJobs, unpackers } from "./jobs.ts";
import { openPartials, type Partials } from "./pull/partials.ts";
import { createReceptions, type Receptions } from "./pull/receptions.ts";
import { contentOf } from "./select-manifest.ts";
import { type BlobStore, openBlobs } from "./store/blobs.ts";
import { type ImageCatalog, type ImageRecord, openImageCatalog } from "./store/catalog.ts";
import { type LastUse, openLastUse } from "./store/last-use.ts";
import { type Layers, openLayers } from "./store/layers.ts";
import { openSnapshots, type Snapshots } from "./store/snapshots.ts";
import { upgradeImages } from "./upgrade-images.ts";

export interface ImagesOptions {
  /** Data root. */
  root: string;
  state: State;
  events: Events;
  logger: Logger;
  registries?: RegistrySettings;
}

/** What the operations on images work on. */
export interface ImageRoom {
  root: string;
  events: Events;
  logger: Logger;
  network: ReturnType<typeof startNetwork>;
  registries: Registries;
  jobs: ImageJobs;
  blobs: BlobStore;
  layers: Layers;
  catalog: ImageCatalog;
  partials: Partials;
  receptions: Receptions;
  snapshots: Snapshots;
  lastUse: LastUse;
  uploadSlots: Slots;
}

/** Opens what is stored under the data root, and removes what a crash left half-made. */
export async function openImageRoom({ root, state, events, logger, ...options }: ImagesOptions) {
  const network = startNetwork();
  const registries = openRegistries(options.registries ?? defaultRegistrySettings, network);
  const jobs = startImageJobs();
  const blobs = openBlobs(root);
  await upgradeImages(state, blobs, logger);
  const partials = openPartials(root, blobs);
  const layers = await openLayers(root, state, { blobs, jobs });
  const catalog = openImageCatalog(state, { blobs, layers, jobs }, logger);
  await catalog.sweep();
  const receptions = createReceptions({
    ...{ blobs, layers, partials, jobs, logger },
    downloads: () => registries.settings.downloads,
    bombBytes: () => registries.settings.bombBytes,
    keepsCompressed: () => registries.settings.keepsCompressed,
    unpackers,
  });
  const room: ImageRoom = {
    ...{ root, events, logger, network, registries, jobs, blobs, layers, catalog, partials, receptions },
    snapshots: await openSnapshots({ root, catalog, layers, jobs }),
    lastUse: openLastUse(state),
    uploadSlots: createSlots(() => registries.settings.uploads),
  };
  return room;
}

/** Announces what has happened to an image. @param name by which it was asked for */
export function publishImage(room: ImageRoom, action: string, id: string, name = id): void {
  if (action === "delete") room.lastUse.forget(id);
  room.events.publish("image", action, id, { ...labelsOf(room.catalog.images.get(id)), name });
}

export function labelsOf(image: ImageRecord | undefined) {
  return image && contentOf(image).config.config?.Labels;
}

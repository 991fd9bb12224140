import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { startNetwork } from "../distribution/network.ts";
import { openRegistries, type Registries } from "../distribution/registries.ts";
import { defaultRegistrySettings, type RegistrySettings } from "../distribution/settings.ts";
import { invalid } from "../errors.ts";
import type { Events } from "../events/events.ts";
import type { Finding } from "../finding.ts";
import type { Digest } from "../formats/digest.ts";
import type {
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  ProgressMessage,
} from "../formats/docker-api.ts";
import {
  familiarRepository,
  formatFamiliar,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../formats/reference.ts";
import type { Logger } from "../logger.ts";
import type { State } from "../state/state.ts";
import type { SavedArchive } from "./archive-write.ts";
import { openBlobs } from "./blobs.ts";
import { type ImageRecord, openCatalog } from "./catalog.ts";
import { checkImages } from "./check.ts";
import { collectGarbage, type GarbagePolicy } from "./collect-garbage.ts";
import { type CommitOptions, commitLayer } from "./commit.ts";
import { inspectImage, listHistory, listReferences, sharedSizeBytes, summarizeImage } from "./describe.ts";
import { createDiskUse } from "./disk-use.ts";
import { type ImportOptions, importRootfs as importLayer } from "./import.ts";
import { startImageJobs, unpackers } from "./jobs.ts";
import { openLastUse } from "./last-use.ts";
import { openLayers } from "./layers.ts";
import { loadArchive } from "./load.ts";
import { makeImage } from "./make.ts";
import { openPartials } from "./partials.ts";
import { type PruneOptions, pruneImages } from "./prune.ts";
import { type PullOptions, pullImages } from "./pull.ts";
import { type PushOptions, pushImages } from "./push.ts";
import { createReceptions } from "./receptions.ts";
import { type ImageUser, type RemoveOptions, removeImage } from "./remove.ts";
import { saveImages } from "./save.ts";
import { createSlots } from "./slots.ts";

export type { ImageRecord } from "./catalog.ts";
export type { ImageUser } from "./remove.ts";

/** How a new image is to be called; not at all when left out. */
interface NewName {
  repository?: string;
  tag?: string;
}

/** The image store. */
export interface Images {
  list(): ImageRecord[];
  /** By id, unique prefix of an id, name[:tag] or name@digest. */
  findImage(name: string): ImageRecord | undefined;
  /** @throws notFound `No such image: x:tag`; invalid for what cannot be a name */
  getImage(name: string): ImageRecord;
  /** In the form people write: "busybox:latest", "busybox@sha256:…". */
  references(id: string): { tags: string[]; digests: string[] };
  /** @throws notFound; invalid for a bad name */
  tag(name: string, repository: string, tag?: string): void;
  /** @throws notFound; conflict in Docker's wording when it is in use */
  remove(name: string, options: RemoveOptions): Promise<ImageDeleteItem[]>;
  prune(options: PruneOptions): Promise<{ deleted: ImageDeleteItem[]; spaceReclaimedBytes: number }>;
  /** Absolute paths of the unpacked layers, topmost first, as overlay's `lowerdir=` wants them; at least one. */
  lowerDirectories(image: ImageRecord): string[];
  /** The same for what `owner` holds, even after `rmi -f`. */
  heldDirectories(owner: string): string[];
  /** Keeps an image's layers until `release`, across restarts and removal of the image. */
  hold(id: string, owner: string): void;
  /** @param id the image that the owner was made from: it counts as used until now */
  release(owner: string, id?: string): Promise<void>;
  /** Everybody for whom layers are kept. */
  owners(): string[];
  inspect(image: ImageRecord): ImageInspect;
  /** `containers`: how many use it, or -1. */
  summarize(image: ImageRecord, containers: number): ImageSummary;
  /** Of its layers those that other images have too. */
  sharedSizeBytes(image: ImageRecord): number;
  /** What the store occupies on the disk, as `du` counts. */
  diskUseBytes(): Promise<number>;
  /** Removes images that nothing uses, as far as the policy wants. @returns their names */
  collectGarbage(policy: GarbagePolicy, users: readonly ImageUser[]): Promise<string[]>;
  history(image: ImageRecord): ImageHistoryItem[];
  /** Loads a docker-archive or OCI layout, compressed or not. @throws invalid; then nothing of it was added */
  load(input: Readable, report: (message: ProgressMessage) => void): Promise<void>;
  /** An archive of these images, for `load` here and in docker. Their blobs are kept until the caller has had it written. */
  save(names: readonly string[]): Promise<SavedArchive>;
  /** Pulls an image, or all tags of a repository when the reference has neither tag nor digest. @throws EngineError in Docker's words */
  pull(reference: Reference, options: PullOptions): Promise<void>;
  /** Pushes a tag, or all tags of a repository when the reference has none. @throws EngineError in Docker's words */
  push(reference: Reference, options: PushOptions): Promise<void>;
  /** Where images come from. */
  readonly registries: Registries;
  /** Makes an image of one layer from a root file system's tar, compressed or not. @throws invalid */
  importRootfs(input: Readable, options: ImportOptions & NewName): Promise<ImageRecord>;
  /** Makes an image of what a container changed. @throws invalid for a bad name or change */
  commit(options: CommitOptions & NewName): Promise<ImageRecord>;
  /** Makes `busybox`, `debian` or `debian:SUITE` from this machine's own packages and tags it. @throws invalid, unavailable */
  make(name: string, report: (line: string) => void): Promise<ImageRecord>;
  /** What is not as it should be in the store. @param owners who may hold layers */
  check(owners: ReadonlySet<string>): Promise<Finding[]>;
  close(): Promise<void>;
}

/** Opens the image store under the data root, removing what a crash left half-made. */
export async function createImages(options: {
  root: string;
  state: State;
  events: Events;
  logger: Logger;
  registries?: RegistrySettings;
}): Promise<Images> {
  const { root, state, events, logger } = options;
  const network = startNetwork();
  const registries = openRegistries(options.registries ?? defaultRegistrySettings, network);
  const jobs = startImageJobs();
  const blobs = openBlobs(root);
  const partials = openPartials(root, blobs);
  const layers = await openLayers(root, state, jobs);
  const catalog = openCatalog(state, blobs, layers, logger);
  await catalog.sweep();
  const receptions = createReceptions({
    ...{ blobs, layers, partials, jobs, logger },
    downloads: () => registries.settings.downloads,
    bombBytes: () => registries.settings.bombBytes,
    unpackers,
  });
  const lastUse = openLastUse(state);
  const uploadSlots = createSlots(() => registries.settings.uploads);
  const emptyDirectory = join(root, "layers", "0");
  mkdirSync(emptyDirectory, { recursive: true, mode: 0o755 });

  function publish(action: string, id: string, name = id): void {
    if (action === "delete") lastUse.forget(id);
    events.publish("image", action, id, { ...catalog.images.get(id)?.config.config?.Labels, name });
  }

  function directoriesOf(chains: readonly string[]): string[] {
    const directories = chains.map((chainId) => layers.directory(chainId)).reverse();
    return directories.length > 0 ? directories : [emptyDirectory];
  }

  function setTag(name: string, image: ImageRecord): void {
    const reference = withDefaultTag(parseReference(name));
    if (reference.digest) throw invalid("refusing to create a tag with a digest reference");
    catalog.name(reference, image.id);
    publish("tag", image.id, formatFamiliar(reference));
  }

  /** Checks the name first, so that a bad one costs no work. */
  async function createNamed({ repository, tag }: NewName, create: () => Promise<ImageRecord>) {
    const name = repository && joinTag(repository, tag);
    if (name) parseReference(name);
    const image = await create();
    if (name) setTag(name, image);
    return catalog.get(image.id);
  }

  const importRootfs: Images["importRootfs"] = (input, settings) =>
    createNamed(settings, async () => {
      const image = await importLayer(input, settings, { blobs, catalog });
      publish("import", image.id);
      return image;
    });

  return {
    list: () => [...catalog.images.values()],
    findImage: catalog.find,
    getImage: catalog.get,
    references: (id) => listReferences(catalog, id),
    tag: (name, repository, tag) => setTag(joinTag(repository, tag), catalog.get(name)),
    remove: (name, settings) => removeImage(catalog, name, settings, publish),
    async prune(settings) {
      const { deleted, spaceReclaimedBytes } = await pruneImages(catalog, layers, settings, publish);
      const { blobs: needed } = catalog.inUse();
      const isUsed = (digest: Digest) => needed.has(digest) || receptions.isUnderWay(digest);
      return { deleted, spaceReclaimedBytes: spaceReclaimedBytes + partials.sweep(0, isUsed) };
    },
    lowerDirectories: (image) => directoriesOf(image.layers),
    heldDirectories: (owner) => directoriesOf(catalog.held(owner)),
    hold(id, owner) {
      catalog.hold(id, owner);
      lastUse.touch(id);
    },
    async release(owner, id) {
      if (id && catalog.images.has(id)) lastUse.touch(id);
      await catalog.release(owner);
    },
    owners: catalog.owners,
    inspect: (image) => inspectImage(catalog, image, directoriesOf(image.layers)),
    summarize: (image, containers) => summarizeImage(catalog, image, containers),
    sharedSizeBytes: (image) => sharedSizeBytes(catalog, layers, image),
    diskUseBytes: createDiskUse(root, layers, jobs),
    collectGarbage: (policy, users) => collectGarbage({ catalog, lastUse }, { policy, users, root, publish }),
    history: (image) => listHistory(catalog, layers, image),
    async load(input, report) {
      for (const { id } of await loadArchive(input, { blobs, catalog, jobs }, report)) publish("load", id);
    },
    save: (names) => saveImages(names, { blobs, catalog }, (id) => publish("save", id)),
    registries,
    async pull(reference, settings) {
      const store = { registries, blobs, partials, catalog, receptions, logger };
      const pulled = await pullImages(store, reference, settings);
      const name = formatFamiliar(reference);
      for (const { config } of pulled.slice(0, 1))
        events.publish("image", "pull", name, {
          ...config.config?.Labels,
          name: familiarRepository(reference),
        });
    },
    async push(reference, settings) {
      await pushImages({ registries, blobs, catalog, jobs, uploadSlots }, reference, settings);
      const name = formatFamiliar(reference);
      events.publish("image", "push", name, { name: familiarRepository(reference) });
    },
    importRootfs,
    commit: (settings) => createNamed(settings, () => commitLayer(settings, { blobs, catalog, jobs })),
    async make(name, report) {
      const { rootfs, tags, ...settings } = await makeImage(name, report, blobs.temporaryPath);
      const image = await importRootfs(rootfs, settings);
      for (const tag of tags) {
        setTag(tag, image);
        report(`tagged ${tag}`);
      }
      return catalog.get(image.id);
    },
    check: (owners) => checkImages({ blobs, catalog, layers }, owners),
    async close() {
      await Promise.all([jobs.close(), network.close()]);
    },
  };
}

function joinTag(repository: string, tag: string | undefined): string {
  return tag ? `${repository}:${tag}` : repository;
}

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { invalid } from "../errors.ts";
import type { Events } from "../events/events.ts";
import type { ProgressMessage } from "../formats/docker-api.ts";
import { formatFamiliar, parseReference, withDefaultTag } from "../formats/reference.ts";
import type { Logger } from "../logger.ts";
import type { State } from "../state/state.ts";
import { openBlobs } from "./blobs.ts";
import { type ImageRecord, openCatalog } from "./catalog.ts";
import { type ImportOptions, importRootfs as importLayer } from "./import.ts";
import { openLayers } from "./layers.ts";
import { loadArchive } from "./load.ts";
import { makeImage } from "./make.ts";

export type { ImageRecord } from "./catalog.ts";

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
  /** Absolute paths of the unpacked layers, topmost first, as overlay's `lowerdir=` wants them; at least one. */
  lowerDirectories(image: ImageRecord): string[];
  /** The same for what `owner` holds, even after `rmi -f`. */
  heldDirectories(owner: string): string[];
  /** Keeps an image's layers until `release`, across restarts and removal of the image. */
  hold(id: string, owner: string): void;
  release(owner: string): Promise<void>;
  /** Loads a docker-archive or OCI layout, compressed or not. @throws invalid; then nothing of it was added */
  load(input: Readable, report: (message: ProgressMessage) => void): Promise<void>;
  /** Makes an image of one layer from a root file system's tar, compressed or not. @throws invalid */
  importRootfs(
    input: Readable,
    options: ImportOptions & { repository?: string; tag?: string },
  ): Promise<ImageRecord>;
  /** Makes `busybox`, `debian` or `debian:SUITE` from this machine's own packages and tags it. @throws invalid, unavailable */
  make(name: string, report: (line: string) => void): Promise<ImageRecord>;
  close(): Promise<void>;
}

/** Opens the image store under the data root, removing what a crash left half-made. */
export async function createImages(options: {
  root: string;
  state: State;
  events: Events;
  logger: Logger;
}): Promise<Images> {
  const { root, state, events, logger } = options;
  const blobs = openBlobs(root);
  const layers = openLayers(root, state);
  const catalog = openCatalog(state, blobs, layers, logger);
  await catalog.sweep();
  const emptyDirectory = join(root, "layers", "0");
  mkdirSync(emptyDirectory, { recursive: true, mode: 0o755 });

  const publish = (action: string, id: string, name: string) =>
    events.publish("image", action, id, { ...catalog.images.get(id)?.config.config?.Labels, name });

  function directoriesOf(chains: readonly string[]): string[] {
    const directories = chains.map((chainId) => layers.directory(chainId)).reverse();
    return directories.length > 0 ? directories : [emptyDirectory];
  }

  function setTag(name: string, image: ImageRecord): void {
    const reference = withDefaultTag(parseReference(name));
    if (reference.digest) throw invalid("refusing to create a tag with a digest reference");
    catalog.setReference(reference, image.id);
    publish("tag", image.id, formatFamiliar(reference));
  }

  const importRootfs: Images["importRootfs"] = async (input, options) => {
    const name = options.repository && joinTag(options.repository, options.tag);
    if (name) parseReference(name);
    const image = await importLayer(input, options, { blobs, catalog });
    publish("import", image.id, image.id);
    if (name) setTag(name, image);
    return catalog.get(image.id);
  };

  return {
    list: () => [...catalog.images.values()],
    findImage: catalog.find,
    getImage: catalog.get,
    references(id) {
      const all = catalog.referencesOf(id);
      return {
        tags: all.filter(({ digest }) => !digest).map(formatFamiliar),
        digests: all.filter(({ digest }) => digest).map(formatFamiliar),
      };
    },
    tag: (name, repository, tag) => setTag(joinTag(repository, tag), catalog.get(name)),
    lowerDirectories: (image) => directoriesOf(image.layers),
    heldDirectories: (owner) => directoriesOf(catalog.held(owner)),
    hold: catalog.hold,
    release: catalog.release,
    async load(input, report) {
      for (const image of await loadArchive(input, { blobs, catalog }, report)) {
        publish("load", image.id, image.id);
      }
    },
    importRootfs,
    async make(name, report) {
      const { rootfs, tags, ...options } = await makeImage(name, report);
      const image = await importRootfs(rootfs, options);
      for (const tag of tags) {
        setTag(tag, image);
        report(`tagged ${tag}`);
      }
      return image;
    },
    close: () => layers.close(),
  };
}

function joinTag(repository: string, tag: string | undefined): string {
  return tag ? `${repository}:${tag}` : repository;
}

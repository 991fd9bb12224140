import type { Readable } from "node:stream";
import type { ProgressMessage } from "../formats/docker-api/docker-api.ts";
import type { Descriptor, Platform } from "../formats/oci-manifest.ts";
import { familiarRepository, formatFamiliar, parseReference, type Reference } from "../formats/reference.ts";
import type { SavedArchive } from "./archive/archive-write.ts";
import { type ImportOptions, importRootfs as importLayer } from "./archive/import.ts";
import { loadArchive } from "./archive/load.ts";
import { layOut, type PackedLayout } from "./archive/packed-layout.ts";
import { saveImages } from "./archive/save.ts";
import { addBuiltImage, type BuiltImage } from "./built-image.ts";
import { addBuiltIndex, type BuiltIndex } from "./built-index.ts";
import { type CommitOptions, commitLayer } from "./commit.ts";
import { blobsOf, layersOf } from "./image-index.ts";
import { makeImage } from "./make/make.ts";
import { joinTag, tagImage } from "./names.ts";
import { type PullOptions, pullImages } from "./pull/pull.ts";
import { withPackedImage } from "./push/pack-image.ts";
import type { PushOptions } from "./push/publish-content.ts";
import { pushImages } from "./push/push.ts";
import type { Packing } from "./push/pushed-image.ts";
import { type ImageRoom, labelsOf, publishImage } from "./room.ts";
import { mainManifest } from "./select-manifest.ts";
import type { ImageRecord } from "./store/catalog.ts";

/** The name of a new image, if it gets one. */
interface NewName {
  repository?: string;
  tag?: string;
}

/** How images come to be here, and where they go. */
export interface ImageTransfers {
  /**
   * Loads a docker-archive or OCI layout, compressed or not.
   * @param platforms of which it is to be; all when there are none
   * @throws invalid, notFound; then nothing of it was added
   */
  load(
    input: Readable,
    report: (message: ProgressMessage) => void,
    platforms?: readonly Platform[],
  ): Promise<void>;
  /** An archive of these images, for `load` here and in docker. Their blobs are kept until the caller has read it. */
  save(names: readonly string[], platforms?: readonly Platform[]): Promise<SavedArchive>;
  /** Pulls an image, or all tags of a repository when the reference has neither tag nor digest. @throws EngineError in Docker's words */
  pull(reference: Reference, options: PullOptions): Promise<void>;
  /**
   * Pushes a tag, or all tags of a repository when the reference has none.
   * @returns what the registry has now, for each tag @throws EngineError in Docker's words
   */
  push(reference: Reference, options: PushOptions): Promise<Descriptor[]>;
  /** Makes an image of one layer from a root file system's tar, compressed or not. @throws invalid */
  importRootfs(input: Readable, options: ImportOptions & NewName): Promise<ImageRecord>;
  /** Makes an image of what a container changed. @throws invalid for a bad name or change */
  commit(options: CommitOptions & NewName): Promise<ImageRecord>;
  /** Makes an image of layers that are here: of what a builder made, with what it stands on. @throws notFound, invalid */
  addBuilt(built: BuiltImage): Promise<ImageRecord>;
  /** The same of images for several platforms, or of one with what is said of it. @throws notFound, invalid */
  addBuiltIndex(built: BuiltIndex): Promise<ImageRecord>;
  /** Packs an image that was made here, for its later pushes: what it was packed to before counts no more. @throws the signal's reason */
  pack(id: string, packing: Packing, signal: AbortSignal): Promise<void>;
  /** Has `work` give away an image that was made here under these names, whatever it is called here. @throws the signal's reason */
  withLayout<R>(
    id: string,
    order: { names: readonly Reference[]; annotations: Record<string, string>; packing: Packing },
    signal: AbortSignal,
    work: (layout: PackedLayout) => Promise<R>,
  ): Promise<R>;
  /** Makes `busybox`, `debian` or `debian:SUITE` from this machine's own packages and tags it. @throws invalid, unavailable */
  make(name: string, report: (line: string) => void): Promise<ImageRecord>;
}

export function createImageTransfers(room: ImageRoom): ImageTransfers {
  const { events, catalog } = room;

  function importRootfs(input: Readable, settings: ImportOptions & NewName): Promise<ImageRecord> {
    return createNamed(room, settings, (giveName) =>
      importLayer(input, settings, room, (image) => {
        publishImage(room, "import", image.id);
        giveName(image);
      }),
    );
  }

  return {
    async load(input, report, platforms) {
      for (const { id } of await loadArchive(input, room, report, platforms)) publishImage(room, "load", id);
    },
    save: (names, platforms) => saveImages(names, room, (id) => publishImage(room, "save", id), platforms),
    async pull(reference, settings) {
      const [first] = await pullImages(room, reference, settings);
      if (!first) return;
      const attributes = { ...labelsOf(first), name: familiarRepository(reference) };
      events.publish("image", "pull", formatFamiliar(reference), attributes);
    },
    async push(reference, settings) {
      const pushed = await pushImages(room, reference, settings);
      const name = formatFamiliar(reference);
      events.publish("image", "push", name, { name: familiarRepository(reference) });
      return pushed;
    },
    importRootfs,
    commit: (settings) => createNamed(room, settings, (giveName) => commitLayer(settings, room, giveName)),
    addBuilt: (built) => addBuiltImage(room, built),
    addBuiltIndex: (built) => addBuiltIndex(room, built),
    pack: (id, packing, signal) =>
      withPackedImage(room, catalog.get(id), { ...packing, remembers: "own" }, signal, async () => undefined),
    withLayout(id, { names, annotations, packing }, signal, work) {
      const image = catalog.get(id);
      const main = mainManifest(image).descriptor.digest;
      // It may be removed while it is sent.
      return catalog.protect([...blobsOf(image), ...layersOf(image)], () =>
        withPackedImage(room, image, packing, signal, async (packed) =>
          work(await layOut(packed, { names, annotations, main }, room)),
        ),
      );
    },
    async make(name, report) {
      const { rootfs, tags, ...settings } = await makeImage(name, report, room.blobs.temporaryPath);
      const image = await importRootfs(rootfs, settings);
      for (const tag of tags) {
        tagImage(room, image, tag);
        report(`tagged ${tag}`);
      }
      return catalog.get(image.id);
    },
  };
}

/** Checks the name first, so that a bad one costs no work. */
async function createNamed(
  room: ImageRoom,
  { repository, tag }: NewName,
  create: (giveName: (image: ImageRecord) => void) => Promise<ImageRecord>,
): Promise<ImageRecord> {
  const name = repository && joinTag(repository, tag);
  if (name) parseReference(name);
  const image = await create((added) => {
    if (name) tagImage(room, added, name);
  });
  // One without a name may be gone already.
  return room.catalog.images.get(image.id) ?? image;
}

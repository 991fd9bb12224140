import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { IdPair } from "../formats/id-mapping.ts";
import { abortable } from "../sys/abortable.ts";
import type { VolumeCatalog } from "./catalog.ts";
import type { VolumeDirectories } from "./directories.ts";
import { type LocalMount, parseLocalOptions } from "./local-options.ts";
import type { MountedVolumes } from "./mounted.ts";
import { prepareStart } from "./mounts.ts";
import type { ResolvedMount } from "./resolved-mount.ts";
import type { SourceFacts } from "./source-facts.ts";
import type { Sources } from "./sources.ts";
import type { VolumeRecord } from "./volume.ts";

/** What containers mount, from their start to their end. A user is a container's id. */
export interface VolumeMounts {
  /**
   * At start: makes -v bind sources and volume directories that have gone meanwhile, and mounts what is to be mounted there until
   * `release`. @returns what is known of the source of each, but of those that have none, and of images
   * @throws invalid, internal; the signal's reason
   */
  prepareSources(
    mounts: ResolvedMount[],
    user: string,
    signal?: AbortSignal,
  ): Promise<(SourceFacts | undefined)[]>;
  /** Unmounts what no container uses any more. */
  release(mounts: ResolvedMount[], user: string): Promise<void>;
  /** For a container that an earlier daemon has started. */
  adopt(mounts: ResolvedMount[], user: string): void;
  /** After a crash: unmounts what no running container uses. */
  unmountUnused(): Promise<void>;
  /** The directory with its content, until `close`: what is to be mounted there is mounted. @throws internal */
  openContent(record: VolumeRecord): Promise<{ directory: string; close(): Promise<void> }>;
  /** Where something is mounted now because of a volume. */
  mountedDirectories(): string[];
  /** What is mounted at its directory for a container; undefined for a plain directory. */
  localMountOf(name: string): LocalMount | undefined;
}

export function createVolumeMounts(options: {
  catalog: VolumeCatalog;
  directories: VolumeDirectories;
  mounted: MountedVolumes;
  engineRoot: string;
  /** Of sources of binds that are made; root without. */
  bindOwner: IdPair | undefined;
  sources: Sources;
}): VolumeMounts {
  const { catalog, directories, mounted, engineRoot, bindOwner, sources } = options;
  const { records, getVolume } = catalog;

  function localMountOf(name: string): LocalMount | undefined {
    const record = records.get(name);
    const local = record && parseLocalOptions(record.options);
    return local?.kind === "mounted" ? local : undefined;
  }

  /** Directories of those volumes of a container at which something is mounted. */
  function mountedAmong(mounts: ResolvedMount[]): string[] {
    const names = mounts.flatMap(({ type, name }) => (type === "volume" && name ? [name] : []));
    return names.flatMap((name) => (localMountOf(name) ? [directories.of(getVolume(name))] : []));
  }

  /** @param container undefined where it is mounted for something else */
  async function prepareVolume(
    record: VolumeRecord,
    user: string,
    { container, signal }: { container?: string; signal?: AbortSignal | undefined },
  ): Promise<void> {
    directories.ensure(record);
    const local = localMountOf(record.name);
    if (!local) return;
    // While a mount is under way that no one waits for any more, its directory keeps its name.
    const hold = catalog.hold(record.name, container);
    await abortable(mounted.use(directories.of(record), local, user, signal).finally(hold.free), signal);
  }

  return {
    async prepareSources(mounts, user, signal) {
      for (const { type, name } of mounts)
        if (type === "volume" && name !== undefined)
          await prepareVolume(getVolume(name), user, { container: user, signal });
      const look = sources.looker(signal);
      await prepareStart(mounts, engineRoot, bindOwner, look);
      const known: (SourceFacts | undefined)[] = [];
      for (const { type, source, subpath } of mounts)
        known.push(type === "bind" || type === "volume" ? await look(join(source, subpath)) : undefined);
      return known;
    },
    async release(mounts, user) {
      await Promise.all(mountedAmong(mounts).map((directory) => mounted.drop(directory, user)));
    },
    adopt(mounts, user) {
      for (const directory of mountedAmong(mounts)) mounted.adopt(directory, user);
    },
    async unmountUnused() {
      const used = new Set(mounted.directories());
      const places = [...records.values()].map(directories.of).filter((place) => !used.has(place));
      await Promise.all(places.map((place) => mounted.clear(place)));
    },
    async openContent(record) {
      const [directory, user] = [directories.of(record), randomUUID()];
      await prepareVolume(record, user, {});
      return { directory, close: () => mounted.drop(directory, user) };
    },
    mountedDirectories: mounted.directories,
    localMountOf,
  };
}

import { join } from "node:path";
import type { Events } from "../events/events.ts";
import type { Finding } from "../finding.ts";
import type { Volume, VolumeCreateRequest } from "../formats/docker-api/docker-api.ts";
import type { IdPair } from "../formats/id-mapping.ts";
import type { Logger } from "../logger.ts";
import type { State } from "../state/state.ts";
import { openVolumeCatalog } from "./catalog.ts";
import { checkVolumes } from "./check.ts";
import type { Claim } from "./claims.ts";
import { type CopyUp, createCopyUp } from "./copy-up.ts";
import { openVolumeDirectories } from "./directories.ts";
import { createMountedVolumes } from "./mounted.ts";
import { type MountInput, resolveMounts } from "./mounts.ts";
import type { ResolvedMount } from "./resolved-mount.ts";
import { restoreVolumes } from "./restore.ts";
import { createSources, type Sources } from "./sources.ts";
import { createTransfers, type Transfers } from "./transfers.ts";
import { type VolumeRecord, volumeKind } from "./volume.ts";
import { createVolumeMounts, type VolumeMounts } from "./volume-mounts.ts";

export type { Claim } from "./claims.ts";
export type { MountInput } from "./mounts.ts";
export { type ResolvedMount, resolvedMountShape } from "./resolved-mount.ts";
export type { SourceFacts } from "./source-facts.ts";

export interface Volumes extends VolumeMounts, CopyUp, Omit<Transfers, "close"> {
  list(): VolumeRecord[];
  findVolume(name: string): VolumeRecord | undefined;
  /** @throws notFound "get X: no such volume" */
  getVolume(name: string): VolumeRecord;
  /** Returns the volume of that name when there is one. Without a name: 64 random hex digits. @throws invalid, notFound, notImplemented */
  create(body: VolumeCreateRequest): VolumeRecord;
  /** `usedBy` are the ids of the containers that have it. @throws notFound unless forced, conflict when used */
  remove(name: string, options: { force: boolean; usedBy: string[] }): Promise<void>;
  /** @throws notFound, invalid; conflict when it is used, or the name is taken */
  rename(name: string, to: string, usedBy: string[]): VolumeRecord;
  inspect(record: VolumeRecord): Volume;
  /** Where its content lies on this machine. */
  directoryOf(record: VolumeRecord): string;
  /**
   * At create: makes the volumes that are missing, and for -v the bind sources. Anonymous ones are to be claimed once the container's
   * record names them, and go when it fails. None of them goes until the claim is freed.
   * @throws invalid, notFound, conflict; the signal's reason
   */
  resolveMounts(
    input: MountInput,
    signal?: AbortSignal,
  ): Promise<{ mounts: ResolvedMount[]; volumes: Claim }>;
  /**
   * What is at a path below a volume's directory, which no link leads out of. The caller closes it.
   * @throws internal in Docker's words; the signal's reason
   */
  openPart: Sources["openPart"];
  /** Something is under way with it: it is copied, or a container that is to have it is being made. */
  isHeld(name: string): boolean;
  /** Once that is over. */
  whenFree(name: string): Promise<void>;
  claim(names: string[]): void;
  /** After a crash: removes what was made for a container that never came to be. */
  removeUnclaimed(isUsed: (name: string) => boolean): Promise<void>;
  /** What is not as the records say. */
  check(): Promise<Finding[]>;
  /** Ends the worker threads. */
  close(): Promise<void>;
}

export function createVolumes(options: {
  root: string;
  state: State;
  events: Events;
  logger: Logger;
  /** Of sources of binds that are made; root without. */
  bindOwner?: IdPair | undefined;
}): Volumes {
  const { state, events, logger, bindOwner } = options;
  const root = join(options.root, "volumes");
  const mounted = createMountedVolumes(logger);
  const directories = openVolumeDirectories(root, mounted, logger);
  const stored = state.records(volumeKind);
  restoreVolumes(stored, directories, logger);
  const catalog = openVolumeCatalog(stored, directories, events);
  const sources = createSources();
  const mounts = createVolumeMounts({
    catalog,
    directories,
    mounted,
    engineRoot: options.root,
    bindOwner,
    sources,
  });
  const copyUp = createCopyUp(catalog, mounts);
  const transfers = createTransfers({ catalog, directories, mounts });
  const { records, getVolume, remove, rename } = catalog;
  return {
    list: () => [...records.values()],
    findVolume: (name) => records.get(name),
    getVolume,
    create: (body) => catalog.create(body),
    remove,
    rename,
    export: transfers.export,
    import: transfers.import,
    clone: transfers.clone,
    listFiles: transfers.listFiles,
    readFile: transfers.readFile,
    claim: catalog.claim,
    openPart: sources.openPart,
    isHeld: catalog.isHeld,
    whenFree: catalog.whenFree,
    async removeUnclaimed(isUsed) {
      const names = [...records.values()].flatMap(({ name, isUnclaimed }) => (isUnclaimed ? [name] : []));
      catalog.claim(names.filter(isUsed));
      await catalog.removeAll(names.filter((name) => !isUsed(name)));
    },
    directoryOf: directories.of,
    inspect: (record) => inspectVolume(record, join(root, record.name, "_data")),
    resolveMounts: (input, signal) =>
      resolveMounts(input, {
        has: (name) => records.has(name),
        create: catalog.create,
        directoryOf: directories.of,
        hold: catalog.hold,
        undoCreate: (names) =>
          catalog.removeAll(names).catch((error: unknown) => {
            logger.warn({ error, volumes: names }, "a failed create left volumes");
          }),
        look: sources.looker(signal),
        engineRoot: options.root,
        bindOwner,
      }),
    ...mounts,
    adopt(list, user) {
      mounts.adopt(list, user);
      void keepWritten(copyUp, list, logger);
    },
    copyUp: copyUp.copyUp,
    wasCutOff: copyUp.wasCutOff,
    keepContent: copyUp.keepContent,
    check: () => checkVolumes({ root, records, directories }),
    async close() {
      await Promise.all([copyUp.close(), transfers.close(), mounted.close(), sources.close()]);
    },
  };
}

/** For a container that has run on, and may have written to its volumes. */
async function keepWritten(copyUp: CopyUp, mounts: ResolvedMount[], logger: Logger): Promise<void> {
  const names = mounts.flatMap(({ name, readOnly }) => (name !== undefined && !readOnly ? [name] : []));
  const kept = await Promise.allSettled(names.map(copyUp.keepContent));
  for (const one of kept)
    if (one.status === "rejected")
      logger.warn({ error: one.reason }, "a volume could not be marked as a container's own");
}

function inspectVolume({ name, created, labels, options }: VolumeRecord, mountpoint: string): Volume {
  return {
    CreatedAt: created.replace(/\.\d+Z$/, "Z"),
    Driver: "local",
    Labels: Object.keys(labels).length > 0 ? labels : null,
    Mountpoint: mountpoint,
    Name: name,
    Options: Object.keys(options).length > 0 ? options : null,
    Scope: "local",
  };
}

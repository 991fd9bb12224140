import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { conflict, EngineError, hasCode, messageOf, notFound } from "../errors.ts";
import type { Events } from "../events/events.ts";
import type { Finding } from "../finding.ts";
import { checkVolumeName } from "../formats/bind-spec.ts";
import type { Volume } from "../formats/docker-api.ts";
import type { Logger } from "../logger.ts";
import type { State } from "../state/state.ts";
import { checkVolumes } from "./check.ts";
import { createCopier } from "./copy-up.ts";
import { parseLocalOptions } from "./local-options.ts";
import { type MountInput, prepareSources, type ResolvedMount, resolveMounts } from "./mounts.ts";
import { mountTmpfs, unmountTmpfs } from "./tmpfs.ts";
import type { VolumeCreateBody, VolumeRecord } from "./volume.ts";

export type { MountInput, ResolvedMount } from "./mounts.ts";

export interface Volumes {
  list(): VolumeRecord[];
  findVolume(name: string): VolumeRecord | undefined;
  /** @throws notFound "get X: no such volume" */
  getVolume(name: string): VolumeRecord;
  /** Returns the volume of that name when there is one. Without a name: 64 random hex digits. @throws invalid, notFound, notImplemented */
  create(body: VolumeCreateBody): VolumeRecord;
  /** `usedBy` are the ids of the containers that have it. @throws notFound unless forced, conflict when used */
  remove(name: string, options: { force: boolean; usedBy: string[] }): Promise<void>;
  inspect(record: VolumeRecord): Volume;
  /** Where its content lies on this machine. */
  directoryOf(record: VolumeRecord): string;
  /**
   * At create: makes the volumes that are missing, and for -v the bind sources. All or nothing. Anonymous ones are to be claimed once
   * the container's record names them. @throws invalid, notFound, conflict
   */
  resolveMounts(input: MountInput): Promise<ResolvedMount[]>;
  claim(names: string[]): void;
  /** After a crash: removes what was made for a container that never came to be. */
  removeUnclaimed(isUsed: (name: string) => boolean): Promise<void>;
  /** At start: makes -v bind sources and volume directories that have gone meanwhile, mounts tmpfs volumes. @throws invalid */
  prepareSources(mounts: ResolvedMount[]): Promise<void>;
  /**
   * Copies what the image has at `destination` into the volume when that is empty, with owners, modes, times, links and
   * attributes. `imageDirectories` are the image's layers, topmost first. A copy that was cut off is made again.
   */
  copyUp(name: string, imageDirectories: string[], destination: string): Promise<void>;
  /** What is not as the records say. */
  check(): Promise<Finding[]>;
  /** Ends the worker thread. */
  close(): Promise<void>;
}

export const anonymousLabel = "com.docker.volume.anonymous";
/** Directories of removed volumes on their way out; not a possible volume name. */
const removedPrefix = ".removed-";

export function createVolumes(options: {
  root: string;
  state: State;
  events: Events;
  logger: Logger;
}): Volumes {
  const { state, events, logger } = options;
  const root = join(options.root, "volumes");
  const stored = state.records<VolumeRecord>("volume");
  const records = stored.load();
  const copier = createCopier();
  mkdirSync(root, { recursive: true, mode: 0o701 });
  for (const entry of readdirSync(root))
    if (entry.startsWith(removedPrefix)) void removeDirectory(join(root, entry));

  /** A creation or a removal that was cut off leaves a record without a directory: then it is an empty volume. */
  function completeVolumes(): void {
    for (const record of records.values()) {
      const isOurs = parseLocalOptions(record.options).kind !== "bind";
      if (isOurs && !existsSync(directoryOf(record))) ensureDirectory(record);
    }
  }

  function save(record: VolumeRecord): void {
    stored.put(record.name, record);
    records.set(record.name, record);
  }

  function directoryOf(record: VolumeRecord): string {
    const local = parseLocalOptions(record.options);
    return local.kind === "bind" ? local.device : join(root, record.name, "_data");
  }

  function ensureDirectory(record: VolumeRecord): void {
    mkdirSync(join(root, record.name), { recursive: true, mode: 0o701 });
    mkdirSync(join(root, record.name, "_data"), { recursive: true, mode: 0o755 });
  }

  function prepareVolume(record: VolumeRecord): void {
    const local = parseLocalOptions(record.options);
    if (local.kind === "bind") return;
    ensureDirectory(record);
    if (local.kind === "tmpfs") mountTmpfs(directoryOf(record), local.options);
  }

  async function removeDirectory(path: string): Promise<void> {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      logger.warn({ path, reason: messageOf(error) }, "a removed volume's files stay until the next start");
    }
  }

  function getVolume(name: string): VolumeRecord {
    const record = records.get(name);
    if (!record) throw notFound(`get ${name}: no such volume`);
    return record;
  }

  function create(body: VolumeCreateBody, options?: { isUnclaimed: boolean }): VolumeRecord {
    try {
      return createChecked(body, options?.isUnclaimed ?? false);
    } catch (error) {
      if (!(error instanceof EngineError) || !body.Name) throw error;
      throw new EngineError(error.kind, `create ${body.Name}: ${error.message}`, error);
    }
  }

  function createChecked(body: VolumeCreateBody, isUnclaimed: boolean): VolumeRecord {
    const driver = body.Driver || "local";
    if (driver !== "local")
      throw notFound(`error looking up volume plugin ${driver}: plugin "${driver}" not found`);
    const isAnonymous = !body.Name;
    const name = body.Name || randomBytes(32).toString("hex");
    checkVolumeName(name);
    const present = records.get(name);
    if (present) return present;
    const driverOptions = body.DriverOpts ?? {};
    parseLocalOptions(driverOptions);
    const record: VolumeRecord = {
      name,
      created: new Date().toISOString(),
      options: driverOptions,
      labels: { ...body.Labels, ...(isAnonymous && { [anonymousLabel]: "" }) },
      ...(isUnclaimed && { isUnclaimed }),
    };
    save(record);
    try {
      ensureDirectory(record);
    } catch (error) {
      forget(name);
      throw error;
    }
    events.publish("volume", "create", name, { driver: "local" });
    return record;
  }

  function forget(name: string): void {
    stored.delete(name);
    records.delete(name);
  }

  async function remove(
    name: string,
    { force, usedBy }: { force: boolean; usedBy: string[] },
  ): Promise<void> {
    if (force && !records.has(name)) return;
    const record = getVolume(name);
    if (usedBy.length > 0) throw conflict(`remove ${name}: volume is in use - [${usedBy.join(", ")}]`);
    if (parseLocalOptions(record.options).kind === "tmpfs") unmountTmpfs(directoryOf(record));
    // Renamed first: a crash in between leaves an empty volume, never a new volume with old content.
    const leaving = join(root, `${removedPrefix}${randomBytes(8).toString("hex")}`);
    try {
      renameSync(join(root, name), leaving);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
    forget(name);
    events.publish("volume", "destroy", name, { driver: "local" });
    await removeDirectory(leaving);
  }

  completeVolumes();

  function claim(names: string[]): void {
    for (const name of names) {
      const record = records.get(name);
      if (!record?.isUnclaimed) continue;
      const claimed = { ...record, isUnclaimed: false };
      records.set(name, claimed);
      stored.putSoon(name, claimed);
    }
  }

  async function undoCreate(names: string[]): Promise<void> {
    for (const name of names) await remove(name, { force: true, usedBy: [] });
  }

  return {
    list: () => [...records.values()],
    findVolume: (name) => records.get(name),
    getVolume,
    create: (body) => create(body),
    remove,
    claim,
    async removeUnclaimed(isUsed) {
      const names = [...records.values()].flatMap(({ name, isUnclaimed }) => (isUnclaimed ? [name] : []));
      claim(names.filter(isUsed));
      await undoCreate(names.filter((name) => !isUsed(name)));
    },
    directoryOf,
    inspect: (record) => ({
      CreatedAt: record.created.replace(/\.\d+Z$/, "Z"),
      Driver: "local",
      Labels: Object.keys(record.labels).length > 0 ? record.labels : null,
      Mountpoint: join(root, record.name, "_data"),
      Name: record.name,
      Options: Object.keys(record.options).length > 0 ? record.options : null,
      Scope: "local",
    }),
    resolveMounts: (input) =>
      resolveMounts(input, { has: (name) => records.has(name), create, directoryOf, undoCreate }),
    async prepareSources(mounts) {
      for (const { name } of mounts) {
        if (name !== undefined) prepareVolume(getVolume(name));
      }
      await prepareSources(mounts);
    },
    async copyUp(name, imageDirectories, destination) {
      const record = getVolume(name);
      if (parseLocalOptions(record.options).kind !== "directory") return;
      await copier.copy({
        imageDirectories,
        destination,
        target: directoryOf(record),
        wasCutOff: () => records.get(name)?.isPopulating ?? false,
        mark(isPopulating) {
          const current = records.get(name);
          if (current) save({ ...current, isPopulating });
        },
      });
    },
    check: () => checkVolumes({ root, records, prepareVolume, directoryOf, removeDirectory }),
    close: () => copier.close(),
  };
}

import { randomBytes } from "node:crypto";
import { conflict, EngineError, notFound } from "../errors.ts";
import type { Events } from "../events/events.ts";
import { checkVolumeName } from "../formats/bind-spec.ts";
import type { VolumeCreateRequest } from "../formats/docker-api/docker-api.ts";
import type { Records } from "../state/state.ts";
import { type Claims, createClaims } from "./claims.ts";
import type { VolumeDirectories } from "./directories.ts";
import { parseLocalOptions } from "./local-options.ts";
import { createNaming, type Naming } from "./naming.ts";
import type { VolumeRecord } from "./volume.ts";

export const anonymousLabel = "com.docker.volume.anonymous";

/** Which volumes there are: their records, each with its directory. */
export interface VolumeCatalog extends Naming {
  readonly records: ReadonlyMap<string, VolumeRecord>;
  /** @throws notFound "get X: no such volume" */
  getVolume(name: string): VolumeRecord;
  /** @param options `isUnclaimed` until the record of the container that it is made for names it. @throws invalid, notFound, conflict */
  create(body: VolumeCreateRequest, options?: { isUnclaimed: boolean }): VolumeRecord;
  /** `usedBy` are the ids of the containers that have it. @throws notFound unless forced, conflict when used */
  remove(name: string, options: { force: boolean; usedBy: string[] }): Promise<void>;
  /** For volumes that no container uses. */
  removeAll(names: string[]): Promise<void>;
  claim(names: string[]): void;
  save(record: VolumeRecord): void;
  hold: Claims["hold"];
  isHeld: Claims["isHeld"];
  whenFree: Claims["whenFree"];
}

export function openVolumeCatalog(
  stored: Records<VolumeRecord>,
  directories: VolumeDirectories,
  events: Events,
): VolumeCatalog {
  const records = stored.load();
  const claims = createClaims();
  const getVolume = (name: string) => findVolume(records, name);

  function save(record: VolumeRecord): void {
    stored.put(record.name, record);
    records.set(record.name, record);
  }

  function create(body: VolumeCreateRequest, isUnclaimed: boolean): VolumeRecord {
    const name = body.Name || randomBytes(32).toString("hex");
    checkVolume(name, body.Driver || "local");
    const present = records.get(name);
    if (present) return present;
    if (claims.isReserved(name)) throw conflict("a volume of this name is being made");
    const record = { ...describeVolume(name, body), ...(isUnclaimed && { isUnclaimed }) };
    save(record);
    try {
      directories.ensure(record);
    } catch (error) {
      forget(name);
      throw error;
    }
    events.publish("volume", "create", name, { driver: "local" });
    return record;
  }

  function forget(name: string): void {
    // A full disk may be why it failed.
    stored.deleteSoon(name);
    records.delete(name);
  }

  async function remove(
    name: string,
    { force, usedBy }: { force: boolean; usedBy: string[] },
  ): Promise<void> {
    if (force && !records.has(name)) return;
    getVolume(name);
    claims.refuseUsed(name, "remove", usedBy);
    const leaving = directories.putAside(name);
    // Its place is empty by now: a full disk must not bring it back.
    stored.deleteSoon(name);
    records.delete(name);
    events.publish("volume", "destroy", name, { driver: "local" });
    await directories.remove(leaving);
  }

  function claim(names: string[]): void {
    for (const name of names) {
      const record = records.get(name);
      if (!record?.isUnclaimed) continue;
      const claimed = { ...record, isUnclaimed: false };
      records.set(name, claimed);
      stored.putSoon(name, claimed);
    }
  }

  return {
    records,
    getVolume,
    create: (body, options) => naming(body.Name, () => create(body, options?.isUnclaimed ?? false)),
    remove,
    async removeAll(names) {
      for (const name of names) await remove(name, { force: true, usedBy: [] });
    },
    claim,
    save,
    hold: claims.hold,
    isHeld: claims.isHeld,
    whenFree: claims.whenFree,
    ...createNaming({ records, stored, directories, claims, events }),
  };
}

/** @throws EngineError notFound */
function findVolume(records: ReadonlyMap<string, VolumeRecord>, name: string): VolumeRecord {
  const record = records.get(name);
  if (!record) throw notFound(`get ${name}: no such volume`);
  return record;
}

/** Errors say which volume was to be created, if it has a name. */
function naming(name: string | undefined, create: () => VolumeRecord): VolumeRecord {
  try {
    return create();
  } catch (error) {
    if (!(error instanceof EngineError) || !name) throw error;
    throw new EngineError(error.kind, `create ${name}: ${error.message}`, error);
  }
}

/** @throws EngineError invalid, notFound */
function checkVolume(name: string, driver: string): void {
  if (driver !== "local")
    throw notFound(`error looking up volume plugin ${driver}: plugin "${driver}" not found`);
  checkVolumeName(name);
}

/** The record of a new volume. @throws EngineError invalid */
export function describeVolume(
  name: string,
  { Name, DriverOpts, Labels }: VolumeCreateRequest,
): VolumeRecord {
  const options = DriverOpts ?? {};
  parseLocalOptions(options);
  return {
    name,
    created: new Date().toISOString(),
    options,
    labels: { ...Labels, ...(!Name && { [anonymousLabel]: "" }) },
  };
}

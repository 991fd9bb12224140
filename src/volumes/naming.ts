import { conflict, notFound } from "../errors.ts";
import type { Events } from "../events/events.ts";
import { checkVolumeName } from "../formats/bind-spec.ts";
import type { Records } from "../state/state.ts";
import type { Claim, Claims } from "./claims.ts";
import type { VolumeDirectories } from "./directories.ts";
import type { VolumeRecord } from "./volume.ts";

/** Names for what has its content already. */
export interface Naming {
  /** Keeps the name of a volume that is being made until `free`. @throws invalid, conflict when there is one */
  reserve(name: string): Claim;
  /** Makes a volume of a staged folder: from then on it is there, whatever is killed. @throws conflict */
  establish(record: VolumeRecord, folder: string): void;
  /** @throws notFound, invalid; conflict when it is used, or the name is taken */
  rename(name: string, to: string, usedBy: string[]): VolumeRecord;
}

export function createNaming(options: {
  records: Map<string, VolumeRecord>;
  stored: Records<VolumeRecord>;
  directories: VolumeDirectories;
  claims: Claims;
  events: Events;
}): Naming {
  const { records, stored, directories, claims, events } = options;

  function reserve(name: string): Claim {
    checkVolumeName(name);
    if (records.has(name)) throw conflict(`a volume named ${name} already exists`);
    return claims.reserve(name);
  }

  /** The stored record says first what is to be renamed: the next daemon ends what is cut off here. */
  function settle(record: VolumeRecord, folder: string, oldName?: string): void {
    const { name } = record;
    stored.put(name, { ...record, staged: folder });
    try {
      directories.settle(folder, name);
    } catch (error) {
      stored.deleteSoon(name);
      throw error;
    }
    records.set(name, record);
    // As long as the new record says what was renamed: alone, the old one would be an empty volume's.
    if (oldName !== undefined) stored.deleteSoon(oldName);
    stored.putSoon(name, record);
  }

  return {
    reserve,
    establish(record, folder) {
      settle(record, folder);
      events.publish("volume", "create", record.name, { driver: "local" });
    },
    rename(name, to, usedBy) {
      const record = records.get(name);
      if (!record) throw notFound(`get ${name}: no such volume`);
      reserve(to).free();
      claims.refuseUsed(name, "rename", usedBy);
      const renamed = { ...record, name: to };
      settle(renamed, name, name);
      records.delete(name);
      events.publish("volume", "rename", to, { driver: "local", oldName: name });
      return renamed;
    },
  };
}

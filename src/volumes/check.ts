import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "../finding.ts";
import type { VolumeRecord } from "./volume.ts";

interface Store {
  root: string;
  records: ReadonlyMap<string, VolumeRecord>;
  directoryOf(record: VolumeRecord): string;
  /** Makes a volume's directory when it is missing. */
  prepareVolume(record: VolumeRecord): void;
  removeDirectory(path: string): Promise<void>;
}

/** Compares the volumes' records and directories. Files of a volume that nobody knows are a person's to remove. */
export async function checkVolumes(store: Store): Promise<Finding[]> {
  const { root, records, directoryOf, prepareVolume, removeDirectory } = store;
  const folders = await readdir(root);
  return [
    ...[...records.values()].flatMap((record) => {
      if (existsSync(directoryOf(record))) return [];
      return {
        subject: `volume ${record.name}`,
        problem: `its directory ${directoryOf(record)} is missing`,
        repair: () => prepareVolume(record),
      };
    }),
    ...folders.flatMap((name): Finding[] => {
      const path = join(root, name);
      if (records.has(name)) return [];
      const subject = `volume directory ${path}`;
      return name.startsWith(".")
        ? [{ subject, problem: "its volume has been removed", repair: () => removeDirectory(path) }]
        : [{ subject, problem: "there is no record of it; look what it holds, then remove it" }];
    }),
  ];
}

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "../finding.ts";
import type { VolumeDirectories } from "./directories.ts";
import type { VolumeRecord } from "./volume.ts";

interface Store {
  root: string;
  records: ReadonlyMap<string, VolumeRecord>;
  directories: VolumeDirectories;
}

/** Compares the volumes' records and directories. Files without a record are left for an administrator to remove. */
export async function checkVolumes(store: Store): Promise<Finding[]> {
  const { root, records, directories } = store;
  const folders = await readdir(root);
  return [
    ...[...records.values()].flatMap((record) => {
      if (directories.isThere(record)) return [];
      return {
        subject: `volume ${record.name}`,
        problem: `its directory ${directories.of(record)} is missing`,
        repair: () => directories.ensure(record),
      };
    }),
    ...folders.flatMap((name): Finding[] => {
      const path = join(root, name);
      if (records.has(name)) return [];
      const subject = `volume directory ${path}`;
      return name.startsWith(".")
        ? [{ subject, problem: "its volume has been removed", repair: () => directories.remove(path) }]
        : [{ subject, problem: "there is no record of it; inspect its contents, then remove it" }];
    }),
  ];
}

import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createEvents } from "../../src/events/events.ts";
import { createLogger } from "../../src/logger.ts";
import { openState, type Records } from "../../src/state/state.ts";
import { createClaims } from "../../src/volumes/claims.ts";
import type { VolumeDirectories } from "../../src/volumes/directories.ts";
import { createNaming } from "../../src/volumes/naming.ts";
import { type VolumeRecord, volumeKind } from "../../src/volumes/volume.ts";
import { createVolumes } from "../../src/volumes/volumes.ts";
import { eventually } from "../engine.ts";

const recordOf = (name: string, staged?: string): VolumeRecord => ({
  name,
  created: "2026-01-01T00:00:00Z",
  options: {},
  labels: {},
  ...(staged !== undefined && { staged }),
});

interface Left {
  records: VolumeRecord[];
  /** Folders, each with a file that names it. */
  folders: string[];
}

/** What the next daemon makes of what a killed one has left: each volume with its content. */
async function restore({ records, folders }: Left): Promise<Record<string, string>> {
  const root = mkdtempSync(join(tmpdir(), "berth-restore-"));
  const logger = createLogger("silent");
  const state = openState(join(root, "state.db"), logger);
  const place = join(root, "volumes");
  try {
    for (const folder of folders) {
      mkdirSync(join(place, folder, "_data"), { recursive: true });
      writeFileSync(join(place, folder, "_data/file"), folder);
    }
    const stored = state.records(volumeKind);
    for (const record of records) stored.put(record.name, record);
    const volumes = createVolumes({ root, state, events: createEvents(), logger });
    await eventually(
      () => readdirSync(place).filter((name) => name.startsWith(".")),
      (left) => left.length === 0,
    );
    const contentOf = (name: string) => {
      const file = join(place, name, "_data/file");
      return [name, existsSync(file) ? readFileSync(file, "utf8") : ""];
    };
    assert.deepEqual(
      [...stored.load().values()].filter(({ staged }) => staged !== undefined),
      [],
    );
    assert.deepEqual(
      readdirSync(place).sort(),
      volumes
        .list()
        .map(({ name }) => name)
        .sort(),
    );
    assert.deepEqual(await volumes.check(), []);
    await volumes.close();
    return Object.fromEntries(volumes.list().map(({ name }) => contentOf(name)));
  } finally {
    state.close();
    rmSync(root, { recursive: true });
  }
}

test("an import or a clone that was cut off before it was whole was never there", async () => {
  assert.deepEqual(await restore({ records: [], folders: [".staged-00"] }), {});
});

test("one that was whole is there, whether or not its folder had its name", async () => {
  const records = [recordOf("new", ".staged-00")];
  assert.deepEqual(await restore({ records, folders: [".staged-00"] }), { new: ".staged-00" });
  assert.deepEqual(await restore({ records, folders: ["new"] }), { new: "new" });
});

test("a rename is done in full wherever it was cut off", async () => {
  const [old, renamed] = [recordOf("old"), recordOf("new", "old")];
  assert.deepEqual(await restore({ records: [old, renamed], folders: ["old"] }), { new: "old" });
  assert.deepEqual(await restore({ records: [renamed], folders: ["old"] }), { new: "old" });
  assert.deepEqual(await restore({ records: [old, renamed], folders: ["new"] }), { new: "new" });
  assert.deepEqual(await restore({ records: [renamed], folders: ["new"] }), { new: "new" });
});

test("a rename is done in full whichever of its writes was the last", async () => {
  const kept = new Map([["old", recordOf("old")]]);
  const places = new Set(["old"]);
  const left: Left[] = [];
  const note = () => left.push({ records: [...kept.values()], folders: [...places] });
  const put = (key: string, value: VolumeRecord) => {
    kept.set(key, value);
    note();
  };
  const drop = (key: string) => {
    kept.delete(key);
    note();
  };
  const naming = createNaming({
    records: new Map(kept),
    stored: { put, putSoon: put, delete: drop, deleteSoon: drop } as Partial<
      Records<VolumeRecord>
    > as Records<VolumeRecord>,
    directories: {
      settle(folder: string, name: string) {
        places.delete(folder);
        places.add(name);
        note();
      },
    } as VolumeDirectories,
    claims: createClaims(),
    events: createEvents(),
  });
  naming.rename("old", "new", []);
  assert.equal(left.length, 4);
  for (const one of left) assert.deepEqual(await restore(one), { new: one.folders[0] });
});

test("a volume that was made since under the old name stays itself", async () => {
  const records = [recordOf("old"), recordOf("new", "old")];
  assert.deepEqual(await restore({ records, folders: ["old", "new"] }), { old: "old", new: "new" });
});

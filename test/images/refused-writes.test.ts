import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { contentOf } from "../../src/images/select-manifest.ts";
import { load, makeDockerArchive, makeTar, openStore, type Store } from "./fixtures.ts";

const one = { tar: makeTar([{ name: "one", data: "1" }]) };
const two = { tar: makeTar([{ name: "two", data: "22" }]) };

/** The state file takes no more records of a kind, as on a full disk, while `work` runs. */
async function refusing(store: Store, kind: string, work: () => unknown): Promise<void> {
  const database = new DatabaseSync(join(store.root, "state.db"));
  const condition = `BEFORE INSERT ON records WHEN NEW.kind = '${kind}'`;
  database.exec(`CREATE TRIGGER refuse ${condition} BEGIN SELECT RAISE(ABORT, 'refused'); END`);
  try {
    await work();
  } finally {
    database.exec("DROP TRIGGER refuse");
    database.close();
  }
}

const layerFolders = (store: Store) => readdirSync(join(store.root, "layers")).sort();

test("a layer whose record cannot be stored leaves nothing, and the next one is made", async () => {
  await using store = await openStore();
  const before = layerFolders(store);
  const archive = makeDockerArchive([{ layers: [one], tags: ["x:1"] }]);
  await refusing(store, "layers", () => assert.rejects(load(store.images, archive), /refused/));
  assert.deepEqual(layerFolders(store), before);
  await load(store.images, makeDockerArchive([{ layers: [two, one], tags: ["x:2"] }]));
  assert.equal(contentOf(store.images.getImage("x:2")).layers.length, 2);
});

test("a name that cannot be stored is not there, before and after the next start", async () => {
  await using store = await openStore();
  await load(
    store.images,
    makeDockerArchive([
      { layers: [one], tags: ["x:1"] },
      { layers: [two], tags: ["y:1"] },
    ]),
  );
  const { id } = store.images.getImage("y:1");
  await refusing(store, "images", () => {
    assert.throws(() => store.images.tag("x:1", "new", "1"), /refused/);
    assert.throws(() => store.images.tag("x:1", "y", "1"), /refused/);
  });
  const check = () => {
    assert.equal(store.images.findImage("new:1"), undefined);
    assert.equal(store.images.getImage("y:1").id, id);
  };
  check();
  await store.reopen();
  check();
});

test("a layer's folder that cannot be removed keeps no other from going", async () => {
  await using store = await openStore();
  const before = layerFolders(store);
  await load(store.images, makeDockerArchive([{ layers: [one, two], tags: ["x:1"] }]));
  const [stuck = ""] = layerFolders(store).filter(
    (name) => !before.includes(name) && readdirSync(join(store.root, "layers", name)).includes("one"),
  );
  const file = join(store.root, "layers", stuck, "one");
  execFileSync("chattr", ["+i", file]);
  try {
    const removal = store.images.remove("x:1", { force: false, noPrune: false, users: new Map() });
    await assert.rejects(removal, { code: "EPERM" });
    assert.deepEqual(layerFolders(store), [...before, stuck].sort());
    await load(store.images, makeDockerArchive([{ layers: [one, two], tags: ["x:1"] }]));
  } finally {
    execFileSync("chattr", ["-i", file]);
  }
});

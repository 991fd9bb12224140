import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { contentOf } from "../../src/images/select-manifest.ts";
import { load, makeDockerArchive, makeTar, openStore, type Store } from "./fixtures.ts";

const one = { tar: makeTar([{ name: "one", data: "1" }]) };
const two = { tar: makeTar([{ name: "two", data: "22" }]) };

/** The state file takes no more records of a kind, as on a full disk, while `work` runs. */
const refusing = (store: Store, kind: string, work: () => unknown) =>
  refusingChanges(store, `BEFORE INSERT ON records WHEN NEW.kind = '${kind}'`, work);

/** @param changes after CREATE TRIGGER */
async function refusingChanges(store: Store, changes: string, work: () => unknown): Promise<void> {
  const database = new DatabaseSync(join(store.root, "state.db"));
  database.exec(`CREATE TRIGGER refuse ${changes} BEGIN SELECT RAISE(ABORT, 'refused'); END`);
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

test("what one owner cannot let go of at once stays with the other", async () => {
  await using store = await openStore();
  await load(store.images, makeDockerArchive([{ layers: [one], tags: ["x:1"] }]));
  const { images } = store;
  const { id } = images.getImage("x:1");
  for (const owner of ["first", "second"]) images.hold(id, owner);
  await images.remove("x:1", { force: true, noPrune: false, users: new Map() });
  await refusingChanges(store, "BEFORE DELETE ON records WHEN OLD.kind = 'imageHolds'", async () => {
    await images.release("first").catch(() => {});
    await images.release("first").catch(() => {});
  });
  await images.release("first");
  const [folder = ""] = images.heldDirectories("second");
  assert.deepEqual(readdirSync(folder), ["one"]);
  await images.release("second");
  assert.equal(existsSync(folder), false);
});

test("a removal on a full disk takes what can be forgotten, and the rest once that has made room", async () => {
  await using store = await openStore();
  const before = layerFolders(store);
  const archive = makeDockerArchive([{ layers: [one, two], tags: ["x:1"] }]);
  const remove = () => store.images.remove("x:1", { force: false, noPrune: false, users: new Map() });
  await load(store.images, archive);
  const base = contentOf(store.images.getImage("x:1")).layers[0];
  const others = `EXISTS (SELECT 1 FROM records WHERE kind = 'layers' AND key <> '${base}')`;
  const isBase = `BEFORE DELETE ON records WHEN OLD.kind = 'layers' AND OLD.key = '${base}'`;
  await refusingChanges(store, `${isBase} AND ${others}`, remove);
  assert.deepEqual(layerFolders(store), before);
  await load(store.images, archive);
  await refusingChanges(store, isBase, () => assert.rejects(remove(), /refused/));
  assert.equal(layerFolders(store).length, before.length + 1);
  const findings = await store.images.check(new Set());
  assert.deepEqual(
    findings.map(({ subject }) => subject),
    [`layer ${base}`],
  );
  await store.reopen();
  assert.deepEqual(layerFolders(store), before);
});

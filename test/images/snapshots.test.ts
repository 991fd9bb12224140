import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { contentOf } from "../../src/images/select-manifest.ts";
import type { Snapshot, View } from "../../src/images/store/snapshots.ts";
import { load, makeDockerArchive, makeTar, openStore, type Store } from "./fixtures.ts";

const base = makeTar([
  { name: "./", mode: 0o711, uid: 7, gid: 8 },
  { name: "etc/" },
  { name: "etc/motd", data: "hello" },
  { name: "dir/" },
  { name: "dir/a", data: "a" },
]);

async function openWithBase(): Promise<Store & { base: string[] }> {
  const store = await openStore();
  await load(store.images, makeDockerArchive([{ layers: [{ tar: base }], tags: ["base:1"] }]));
  return Object.assign(store, { base: contentOf(store.images.getImage("base:1")).layers });
}

/** Runs a script in the directories as an overlay shows them. */
function inOverlay({ lower, upper, work }: View & Partial<Snapshot>, script: string): string {
  const merged = mkdtempSync(join(tmpdir(), "berth-merged-"));
  const own = mkdtempSync(join(tmpdir(), "berth-empty-"));
  const writable = upper ? `,upperdir=${upper},workdir=${work}` : "";
  const options = `lowerdir=${[...lower, own].join(":")}${writable},index=off,metacopy=off,redirect_dir=off`;
  const mount = `mount -t overlay overlay -o ${options} ${merged}; cd ${merged}; ${script}`;
  try {
    return execFileSync("unshare", ["-m", "sh", "-ec", mount], { encoding: "utf8" });
  } finally {
    rmSync(merged, { recursive: true });
    rmSync(own, { recursive: true });
  }
}

const listing = "find . -mindepth 1 -printf '%P %M %U:%G %s %l\\n' | sort";
const noUsers = { force: true, noPrune: false, users: new Map() };

test("steps on each other: each sees what is below, its layer is what was written, and nothing of it is copied", async () => {
  await using store = await openWithBase();
  const { snapshots } = store.images;
  const first = snapshots.prepare("step-1", store.base);
  const { mode, uid, gid } = statSync(first.upper);
  assert.deepEqual([mode & 0o7777, uid, gid], [0o711, 7, 8], "the root is the image's");
  const seen = inOverlay(first, `rm etc/motd; rm -r dir; mkdir dir; echo new > dir/b; mkfifo p; ${listing}`);
  const { ino } = statSync(join(first.upper, "dir/b"));
  const one = await snapshots.commit("step-1");
  assert.deepEqual(one.layers.slice(0, -1), store.base);
  const second = snapshots.prepare("step-2", one.layers);
  assert.equal(inOverlay(second, listing), seen);
  assert.equal(statSync(join(second.lower[0] ?? "", "dir/b")).ino, ino, "it was moved");
  inOverlay(second, "echo more >> dir/b");
  const two = await snapshots.commit("step-2");
  const view = snapshots.view("look", two.layers);
  assert.equal(inOverlay(view, "cat dir/b"), "new\nmore\n");
  assert.deepEqual(await store.images.check(new Set()), []);
  assert.deepEqual(readdirSync(join(store.root, "snapshots")), []);
});

test("a step's layer is the one that a commit makes, and is saved with an image to the letter", async () => {
  await using store = await openWithBase();
  const { images } = store;
  const { upper } = images.snapshots.prepare("s", store.base);
  writeFileSync(join(upper, "f"), Buffer.alloc(100_000, "x"));
  const image = await images.commit({ parent: images.getImage("base:1"), upperDirectory: upper, config: {} });
  const { layers, diffId, archiveBytes } = await images.snapshots.commit("s");
  assert.deepEqual(layers, contentOf(image).layers);
  assert.equal(diffId, contentOf(image).config.rootfs.diff_ids.at(-1));
  assert.equal(archiveBytes, contentOf(image).blobs.at(-1)?.size);
  await images.remove(image.id, noUsers);
  assert.ok(existsSync(join(store.root, "blobs/frames", diffId.slice(7))), "the name keeps the frame too");
  assert.deepEqual(await images.check(new Set()), []);
});

test("layers stay as long as their name, whatever images go and whenever the store is opened; then they go", async () => {
  await using store = await openWithBase();
  const { upper } = store.images.snapshots.prepare("s", store.base);
  writeFileSync(join(upper, "f"), "written");
  await store.images.remove("base:1", noUsers);
  await store.reopen();
  assert.deepEqual(store.images.snapshots.names(), ["s"]);
  assert.deepEqual(store.images.owners(), [], "it is no container");
  const again = store.images.snapshots.find("s");
  assert.equal(inOverlay(again, "cat f dir/a"), "writtena");
  const { layers } = await store.images.snapshots.commit("s");
  await store.reopen();
  const look = store.images.snapshots.view("look", layers);
  await store.images.snapshots.remove("s");
  assert.equal(inOverlay(look, "cat f dir/a"), "writtena");
  assert.deepEqual(await store.images.check(new Set()), []);
  await store.images.snapshots.remove("look");
  await store.images.snapshots.remove("look");
  assert.deepEqual(readdirSync(join(store.root, "layers")), ["0"]);
  assert.deepEqual(readdirSync(join(store.root, "blobs/frames")), []);
});

test("on nothing at all", async () => {
  await using store = await openStore();
  const { snapshots } = store.images;
  const { lower, upper } = snapshots.prepare("scratch", []);
  assert.deepEqual(lower, []);
  mkdirSync(join(upper, "d"));
  const { layers, diffId } = await snapshots.commit("scratch");
  assert.deepEqual(layers, [diffId]);
  await snapshots.remove("scratch");
});

test("names that are taken, that are none, and layers that are not there are refused and leave nothing", async () => {
  await using store = await openWithBase();
  const { snapshots } = store.images;
  snapshots.prepare("s", store.base);
  assert.throws(() => snapshots.prepare("s", []), { kind: "conflict" });
  assert.throws(() => snapshots.view("s", []), { kind: "conflict" });
  for (const name of ["", ".", "..", "../x", "a/b", "A", "a\0", "x".repeat(129)])
    assert.throws(() => snapshots.prepare(name, []), { kind: "invalid" }, JSON.stringify(name));
  assert.throws(() => snapshots.prepare("t", [`sha256:${"0".repeat(64)}`]), { kind: "notFound" });
  assert.throws(() => snapshots.find("../s"), { kind: "notFound" });
  await assert.rejects(snapshots.commit("t"), { kind: "notFound" });
  const [first, second] = await Promise.allSettled([snapshots.commit("s"), snapshots.commit("s")]);
  assert.deepEqual([first.status, second.status], ["fulfilled", "rejected"]);
  await assert.rejects(snapshots.commit("s"), { kind: "notFound" }, "there is nothing to write to any more");
  assert.deepEqual(snapshots.names(), ["s"]);
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("what a kill leaves between two steps goes at the next start, and is told by the check", async () => {
  await using store = await openWithBase();
  const place = join(store.root, "snapshots");
  store.images.snapshots.prepare("half", store.base);
  rmSync(join(place, "half/upper"), { recursive: true });
  mkdirSync(join(place, "removed/upper"), { recursive: true });
  store.images.snapshots.prepare("good", store.base);
  writeFileSync(join(place, "good/upper/f"), "kept");
  const findings = await store.images.check(new Set());
  assert.deepEqual(findings.map(({ subject }) => subject).sort(), ["snapshot half", "snapshot removed"]);
  await store.reopen();
  assert.deepEqual(readdirSync(place), ["good"]);
  assert.equal(readFileSync(join(place, "good/upper/f"), "utf8"), "kept");
  assert.deepEqual(await store.images.check(new Set()), []);
  await store.images.snapshots.remove("half");
  assert.deepEqual(store.images.snapshots.names(), ["good"]);
});

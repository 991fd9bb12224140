import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { frameHeadBytes } from "../../src/formats/archive-frame.ts";
import { digestOf } from "../../src/formats/digest.ts";
import { contentOf } from "../../src/images/select-manifest.ts";
import { packArchive } from "../../src/images/stage-tree.ts";
import { unpackLayer } from "../../src/images/unpack.ts";
import { makeNode } from "../../src/sys/device-node.ts";
import { setXattr } from "../../src/sys/xattr.ts";
import { assembleArchive } from "../../src/trees/assemble.ts";
import { eventually } from "../engine.ts";
import { load, makeDockerArchive, makeTar, openStore, readStream, type Store } from "./fixtures.ts";

function filesIn(root: string, folder: "sha256" | "frames" | "tmp"): string[] {
  return readdirSync(join(root, "blobs", folder));
}

const hex = (bytes: Buffer) => digestOf(bytes).slice("sha256:".length);
const frameOf = (root: string, tar: Buffer) => join(root, "blobs/frames", hex(tar));
const wholeOf = (root: string, tar: Buffer) => join(root, "blobs/sha256", hex(tar));

/** What `save` says of a layer, taken out of the archive. */
async function savedLayer({ images }: Store, name: string, tar: Buffer): Promise<Buffer> {
  const input = await readStream(await images.save([name]));
  return execFileSync("tar", ["-xOf", "-", `blobs/sha256/${hex(tar)}`], { input, maxBuffer: 1 << 30 });
}

/** Allocated bytes of all below, each inode once. */
function diskBytes(...paths: string[]): number {
  const lines = execFileSync("du", ["-sc", "--block-size=1", ...paths], { encoding: "utf8" });
  return Number(lines.trim().split("\n").at(-1)?.split("\t")[0]);
}

/** Some 50 MB of everything that layers are made of. */
function makeBigTree(): string {
  const tree = mkdtempSync(join(tmpdir(), "berth-tree-"));
  for (let folder = 0; folder < 20; folder++) {
    mkdirSync(join(tree, `d${folder}`));
    for (let file = 0; file < 60; file++)
      writeFileSync(join(tree, `d${folder}/f${file}`), randomBytes(40_000 + 137 * file));
  }
  return tree;
}

test("what is loaded, imported or committed takes the disk's room once, and is saved to the letter", async () => {
  await using store = await openStore();
  const { images, root } = store;
  const tree = makeBigTree();
  try {
    const tar = execFileSync("tar", ["-C", tree, "-cf", "-", "."], { maxBuffer: 1 << 30 });
    const content = diskBytes(tree);
    const used = () => diskBytes(join(root, "layers"), join(root, "blobs"));
    const ways: Record<string, () => Promise<unknown>> = {
      load: () => load(images, makeDockerArchive([{ layers: [{ tar }], tags: ["x:1"] }])),
      import: () => images.importRootfs(Readable.from([tar]), { changes: [], repository: "x", tag: "1" }),
      commit: () => images.commit({ upperDirectory: tree, config: {}, repository: "x", tag: "1" }),
    };
    for (const [way, make] of Object.entries(ways)) {
      const before = used();
      await make();
      const bytes = used() - before;
      assert.ok(bytes <= 1.1 * content, `${way}: ${bytes} for ${content}`);
      assert.ok(Math.abs((await images.diskUseBytes()) - used()) <= 16_384, "system df agrees with du");
      assert.equal(filesIn(root, "sha256").length, 2, `${way}: config and manifest`);
      assert.deepEqual(filesIn(root, "tmp"), []);
      if (way !== "commit") assert.deepEqual(await savedLayer(store, "x:1", tar), tar);
      assert.deepEqual(await images.check(new Set()), []);
      await images.remove("x:1", { force: true, noPrune: false, users: new Map() });
      assert.deepEqual([filesIn(root, "sha256"), filesIn(root, "frames")], [[], []]);
    }
  } finally {
    rmSync(tree, { recursive: true });
  }
});

/** An upper directory with all that a packer has to say something of. */
function makeOddTree(): string {
  const tree = mkdtempSync(join(tmpdir(), "berth-tree-"));
  const put = (name: string, data = name) => writeFileSync(Buffer.from(join(tree, name), "latin1"), data);
  for (const name of ["d", "d/e", "opaque", "empty"]) mkdirSync(join(tree, name));
  for (const name of ["d/a", "d/\xff\x01", `d/${"n".repeat(200)}`, "d/with space\n", "d/.wh", "z"]) put(name);
  put("sparse", "start");
  truncateSync(join(tree, "sparse"), 3_000_000);
  linkSync(join(tree, "d/a"), join(tree, "d/b"));
  linkSync(join(tree, "d/a"), join(tree, "aa"));
  symlinkSync("../nowhere", join(tree, "d/link"));
  setXattr(join(tree, "d/a"), "user.x", Buffer.from([0, 255, 10, 61]));
  setXattr(join(tree, "opaque"), "trusted.overlay.opaque", Buffer.from("y"));
  const directoryFd = openSync(tree, "r");
  makeNode(directoryFd, "gone", "characterDevice", { major: 0, minor: 0 });
  makeNode(directoryFd, "null", "characterDevice", { major: 1, minor: 3 });
  makeNode(directoryFd, "pipe", "fifo", { major: 0, minor: 0 });
  closeSync(directoryFd);
  utimesSync(join(tree, "z"), 1, 1_234_567_890.123_456);
  utimesSync(join(tree, "d"), 1, -1.5);
  return tree;
}

test("a layer that was packed here packs to the same bytes again from where it was unpacked, whatever is in it", async () => {
  const tree = makeOddTree();
  const folder = mkdtempSync(join(tmpdir(), "berth-frame-"));
  try {
    const [packed, directory, framePath] = ["packed", "layer", "frame"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const pack = (from: string) =>
      Buffer.concat(Array.from(packArchive(from), (piece) => Buffer.from(piece)));
    const archive = pack(tree);
    const digest = digestOf(archive);
    writeFileSync(packed, archive);
    await unpackLayer({ path: packed }, digest, directory, framePath);
    assert.equal(digestOf(pack(directory)), digest);
    const assembled = [...assembleArchive({ framePath, directory, digest })].length;
    assert.ok(assembled > 0);
  } finally {
    rmSync(tree, { recursive: true });
    rmSync(folder, { recursive: true });
  }
});

test("an archive that brings a file twice, a deletion with content and a tail of its own is saved to the letter", async () => {
  await using store = await openStore();
  const once = makeTar([
    { name: "a/f", data: "first, and gone" },
    { name: "a/f", data: "second" },
    { name: "a/.wh.x", data: "whatever that means" },
    { name: "l", type: "symlink", linkName: "a" },
    { name: "l/g", data: "through a link" },
    { name: "h", type: "link", linkName: "a/f" },
  ]);
  const tar = Buffer.concat([once, randomBytes(700)]);
  await load(store.images, makeDockerArchive([{ layers: [{ tar }], tags: ["x:1"] }]));
  assert.deepEqual(filesIn(store.root, "frames"), [hex(tar)]);
  assert.equal(existsSync(wholeOf(store.root, tar)), false);
  assert.deepEqual(await savedLayer(store, "x:1", tar), tar);
});

test("the same layer on two others is kept once, and outlives either image", async () => {
  await using store = await openStore();
  const [a, b, shared] = ["a", "b", "s"].map((name) => makeTar([{ name, data: name.repeat(9000) }])) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  const archive = (below: Buffer, tag: string) =>
    makeDockerArchive([{ layers: [{ tar: below }, { tar: shared }], tags: [tag] }]);
  await Promise.all([load(store.images, archive(a, "x:a")), load(store.images, archive(b, "x:b"))]);
  assert.equal(filesIn(store.root, "frames").length, 3);
  assert.equal(filesIn(store.root, "sha256").length, 4, "configs and manifests");
  await store.images.remove("x:a", { force: true, noPrune: false, users: new Map() });
  assert.deepEqual(await savedLayer(store, "x:b", shared), shared);
  await load(store.images, archive(a, "x:a"));
  assert.deepEqual(await savedLayer(store, "x:a", shared), shared);
  assert.deepEqual(await store.images.check(new Set()), []);
});

const layerTar = makeTar([
  { name: "d/" },
  { name: "d/f", data: Buffer.alloc(100_000, "content") },
  { name: "d/g", data: "small" },
]);

async function openWithLayer(): Promise<Store> {
  const store = await openStore();
  await load(store.images, makeDockerArchive([{ layers: [{ tar: layerTar }], tags: ["x:1"] }]));
  return store;
}

const layerFolder = ({ images }: Store) => images.lowerDirectories(images.getImage("x:1"))[0] as string;

const changes: Record<string, (store: Store) => void> = {
  "a file with another byte": (store) => {
    const path = join(layerFolder(store), "d/f");
    const bytes = readFileSync(path);
    bytes[50_000] = 0;
    writeFileSync(path, bytes);
  },
  "a file cut short": (store) => truncateSync(join(layerFolder(store), "d/f"), 99_999),
  "a file that has gone": (store) => rmSync(join(layerFolder(store), "d/g")),
  "a link in the place of a file": (store) => {
    const path = join(layerFolder(store), "d/g");
    rmSync(path);
    symlinkSync("/etc/hostname", path);
  },
  "a link in the place of a directory": (store) => {
    rmSync(join(layerFolder(store), "d"), { recursive: true });
    symlinkSync("/etc", join(layerFolder(store), "d"));
  },
  "a pipe in the place of a file": (store) => {
    rmSync(join(layerFolder(store), "d/g"));
    execFileSync("mkfifo", [join(layerFolder(store), "d/g")]);
  },
  "a frame cut short": ({ root }) => truncateSync(frameOf(root, layerTar), frameHeadBytes + 20),
  "an empty frame": ({ root }) => truncateSync(frameOf(root, layerTar), 0),
  "a frame of something else": ({ root }) => {
    const bytes = readFileSync(frameOf(root, layerTar));
    bytes.writeUInt8(bytes.readUInt8(frameHeadBytes - 1) ^ 1, frameHeadBytes - 1);
    writeFileSync(frameOf(root, layerTar), bytes);
  },
  "a frame that says it is endless": ({ root }) => {
    const bytes = readFileSync(frameOf(root, layerTar));
    bytes.writeUInt32BE(0xffff_ffff, frameHeadBytes);
    bytes.writeUInt32BE(0xffff_ffff, frameHeadBytes + 4);
    writeFileSync(frameOf(root, layerTar), bytes);
  },
};

for (const [what, change] of Object.entries(changes)) {
  test(`${what} is found when the layer is saved and by the check, which names it; a new load makes it right`, async () => {
    await using store = await openWithLayer();
    const { images, root } = store;
    const archive = makeDockerArchive([{ layers: [{ tar: layerTar }], tags: ["x:1"] }]);
    change(store);
    await assert.rejects(
      async () => readStream(await images.save(["x:1"])),
      /sha256:[0-9a-f]{64} has changed on the disk/,
    );
    assert.deepEqual(filesIn(root, "tmp"), []);
    const findings = await images.check(new Set());
    assert.deepEqual(
      findings.map(({ subject }) => subject),
      [`image ${images.getImage("x:1").id}`],
    );
    assert.match(
      findings[0]?.problem ?? "",
      new RegExp(`${hex(layerTar)} has changed on the disk: .*load it again`),
    );
    await images.remove("x:1", { force: true, noPrune: false, users: new Map() });
    await load(images, archive);
    assert.deepEqual(await images.check(new Set()), []);
    assert.deepEqual(await savedLayer(store, "x:1", layerTar), layerTar);
  });
}

/** What an earlier version has left, or a kill between two steps. */
const leftovers: Record<string, (root: string) => void> = {
  "the whole archive and no frame": (root) => {
    writeFileSync(wholeOf(root, layerTar), layerTar);
    rmSync(frameOf(root, layerTar));
  },
  "the whole archive and a frame": (root) => writeFileSync(wholeOf(root, layerTar), layerTar),
  "the whole archive and a frame half-made": (root) => {
    writeFileSync(wholeOf(root, layerTar), layerTar);
    renameSync(frameOf(root, layerTar), join(root, "blobs/tmp/7"));
    truncateSync(join(root, "blobs/tmp/7"), 60);
  },
  "the whole archive of a layer of which a file has changed": (root) => {
    writeFileSync(wholeOf(root, layerTar), layerTar);
    rmSync(frameOf(root, layerTar));
    const folder = readdirSync(join(root, "layers")).find((name) => name !== "0") ?? "";
    writeFileSync(join(root, "layers", folder, "d/g"), "other");
  },
};

for (const [what, leave] of Object.entries(leftovers)) {
  test(`${what} becomes a frame alone when the store opens, and saves the same meanwhile`, async () => {
    await using store = await openWithLayer();
    leave(store.root);
    await store.reopen();
    assert.deepEqual(await savedLayer(store, "x:1", layerTar), layerTar);
    await eventually(
      async () => existsSync(wholeOf(store.root, layerTar)),
      (isThere) => !isThere,
    );
    assert.deepEqual(filesIn(store.root, "frames"), [hex(layerTar)]);
    assert.deepEqual(await savedLayer(store, "x:1", layerTar), layerTar);
    assert.deepEqual(await store.images.check(new Set()), []);
    assert.deepEqual(filesIn(store.root, "tmp"), []);
  });
}

test("a frame whose image has gone is found by the check, and goes with the next start", async () => {
  await using store = await openStore();
  writeFileSync(frameOf(store.root, layerTar), "of nothing");
  const [finding] = await store.images.check(new Set());
  assert.equal(finding?.subject, `blob sha256:${hex(layerTar)}`);
  await store.reopen();
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("a disk too full for the frame leaves the whole archive, and the image as good as before", async () => {
  await using store = await openStore(undefined, 8);
  const tar = layerTar;
  await load(store.images, makeDockerArchive([{ layers: [{ tar }], tags: ["x:1"] }]));
  writeFileSync(wholeOf(store.root, tar), tar);
  rmSync(frameOf(store.root, tar));
  const filler = join(store.root, "filler");
  const { bavail, bsize } = statfsSync(store.root);
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
  await store.reopen();
  assert.deepEqual(await savedLayer(store, "x:1", tar), tar);
  assert.equal(existsSync(wholeOf(store.root, tar)), true);
  assert.deepEqual(await store.images.check(new Set()), []);
  rmSync(filler);
  await store.reopen();
  await eventually(
    async () => existsSync(wholeOf(store.root, tar)),
    (isThere) => !isThere,
  );
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("a layer that a container has kept gets its frame with each new load of its image", async () => {
  await using store = await openWithLayer();
  const { images, root } = store;
  images.hold(images.getImage("x:1").id, "container");
  const archive = makeDockerArchive([{ layers: [{ tar: layerTar }], tags: ["x:1"] }]);
  for (let round = 0; round < 3; round++) {
    await images.remove("x:1", { force: true, noPrune: false, users: new Map() });
    assert.deepEqual([filesIn(root, "frames"), filesIn(root, "sha256")], [[], []]);
    await load(images, archive);
    await eventually(
      async () => existsSync(wholeOf(root, layerTar)),
      (isThere) => !isThere,
    );
    assert.deepEqual(filesIn(root, "frames"), [hex(layerTar)]);
    assert.deepEqual(await savedLayer(store, "x:1", layerTar), layerTar);
  }
  await images.release("container");
});

test("a commit needs no room beside the layer's, and one that finds none says so and leaves nothing", async () => {
  await using store = await openStore(undefined, 12);
  const { images, root } = store;
  const tree = mkdtempSync(join(tmpdir(), "berth-tree-"));
  const commit = () => images.commit({ upperDirectory: tree, config: {}, repository: "x", tag: "1" });
  try {
    for (const name of ["a", "b", "c", "d"]) writeFileSync(join(tree, name), randomBytes(2 << 20));
    await commit();
    const diffId = contentOf(images.getImage("x:1")).config.rootfs.diff_ids[0] ?? "";
    const input = await readStream(await images.save(["x:1"]));
    const member = `blobs/${diffId.replace(":", "/")}`;
    const layer = execFileSync("tar", ["-xOf", "-", member], { input, maxBuffer: 1 << 30 });
    assert.equal(digestOf(layer), diffId);

    writeFileSync(join(tree, "e"), randomBytes(6 << 20));
    const folders = ["layers", "blobs/tmp", "blobs/frames", "blobs/sha256"];
    const before = folders.map((folder) => readdirSync(join(root, folder)));
    await assert.rejects(commit, { kind: "internal", message: "failed to pack: no space left on device" });
    assert.deepEqual(
      folders.map((folder) => readdirSync(join(root, folder))),
      before,
    );
    assert.deepEqual(await images.check(new Set()), []);
  } finally {
    rmSync(tree, { recursive: true });
  }
});

test("the same committed twice at once, and what was loaded before, is one layer", async () => {
  await using store = await openStore();
  const { images, root } = store;
  const tree = makeOddTree();
  const commit = (tag: string) =>
    images.commit({ upperDirectory: tree, config: {}, repository: "x", tag, comment: tag });
  try {
    await Promise.all([commit("1"), commit("2")]);
    const saved = await readStream(await images.save(["x:1"]));
    await commit("3");
    assert.deepEqual(readdirSync(join(root, "layers")).sort(), ["0", "1"]);
    assert.equal(filesIn(root, "frames").length, 1);
    for (const tag of ["1", "2", "3"])
      await images.remove(`x:${tag}`, { force: true, noPrune: false, users: new Map() });
    assert.deepEqual(filesIn(root, "frames"), []);
    await load(images, saved);
    await commit("4");
    assert.deepEqual(readdirSync(join(root, "layers")).sort(), ["0", "1"]);
    assert.deepEqual(await images.check(new Set()), []);
  } finally {
    rmSync(tree, { recursive: true });
  }
});

test("a layer that two images have on different ones is there as long as either is read", async () => {
  await using store = await openStore();
  const tar = makeTar([{ name: "shared", data: randomBytes(100_000) }]);
  const [one, two] = ["1", "2"].map((name) => makeTar([{ name, data: name }]));
  for (const [name, base] of [
    ["a:1", one],
    ["b:1", two],
  ] as const)
    await load(store.images, makeDockerArchive([{ layers: [{ tar: base! }, { tar }], tags: [name] }]));
  const folders = () => readdirSync(join(store.root, "layers")).length;
  await eventually(
    () => filesIn(store.root, "sha256").length,
    (count) => count === 4,
  );
  const before = folders();
  const archive = await store.images.save(["b:1"]);
  await store.images.remove("a:1", { force: false, noPrune: false, users: new Map() });
  const input = await readStream(archive);
  const layer = execFileSync("tar", ["-xOf", "-", `blobs/sha256/${hex(tar)}`], { input });
  assert.equal(digestOf(layer), digestOf(tar));
  await eventually(folders, (count) => count === before - 2);
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { ImageRecord } from "../../src/images/images.ts";
import { contentOf } from "../../src/images/select-manifest.ts";
import { getXattr, setXattr } from "../../src/sys/xattr.ts";
import { load, makeDockerArchive, makeTar, openStore, readStream, type Store } from "./fixtures.ts";

/** Runs a script in the directory where the image's layers and `upper` are mounted as a container's root. */
function inOverlay(store: Store, image: ImageRecord, upper: string, script: string): string {
  const work = `${upper}-work`;
  const merged = `${upper}-merged`;
  for (const folder of [upper, work, merged]) mkdirSync(folder, { recursive: true });
  const lower = store.images.lowerDirectories(image).join(":");
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},index=off,metacopy=off,redirect_dir=off`;
  return execFileSync(
    "unshare",
    ["-m", "sh", "-ec", `mount -t overlay overlay -o ${options} ${merged}; cd ${merged}; ${script}`],
    { encoding: "utf8" },
  );
}

const listing = "find . -mindepth 1 -printf '%P %M %U:%G %s %T@ %l %n\n' | sort";

const base = {
  tar: makeTar([
    { name: "etc/" },
    { name: "etc/motd", data: "hello" },
    { name: "etc/conf", data: "conf" },
    { name: "dir/" },
    { name: "dir/a", data: "a" },
    { name: "dir/sub/" },
    { name: "dir/sub/b", data: "b" },
    { name: "bin/sh", data: "#!", mode: 0o755 },
  ]),
};

test("a committed image looks like the container it was made from", async () => {
  await using store = await openStore();
  await load(
    store.images,
    makeDockerArchive([
      { layers: [base], tags: ["base:latest"], config: { config: { Cmd: ["sh"], Env: ["A=1"] } } },
    ]),
  );
  const parent = store.images.getImage("base");
  const upper = join(store.root, "upper");
  const socket = createServer().listen(join(store.root, "s"));
  const before = inOverlay(
    store,
    parent,
    upper,
    `
    rm etc/motd; echo changed >> etc/conf; rm -r dir; mkdir dir; echo new > dir/c; chmod 4711 bin/sh; chown 12:34 bin/sh
    echo x > hard; ln hard hard2; ln -s /etc/conf link; mkfifo pipe; mknod null c 1 3
    echo ping > ping
    touch -d '2001-02-03 04:05:06.123456789' dir/c; mkdir -m 1777 tmp; echo 1 > "$(printf 'caf\\351')"
    ${listing}`,
  );
  socket.close();
  const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
  setXattr(join(upper, "ping"), "security.capability", capability);
  const image = await store.images.commit({
    parent,
    upperDirectory: upper,
    config: { Cmd: ["run"], Env: ["A=1", "B=2"] },
    author: "me",
    comment: "done",
    createdBy: "sh -c work",
    containerId: "c".repeat(64),
    repository: "made",
    tag: "v1",
  });
  const after = inOverlay(store, image, join(store.root, "second"), listing);
  assert.equal(after, before);
  const [top = ""] = store.images.lowerDirectories(image);
  assert.deepEqual(getXattr(join(top, "ping"), "security.capability"), capability);
  assert.equal(store.images.getImage("made:v1").id, image.id);
  assert.deepEqual(contentOf(image).config.config, { Cmd: ["run"], Env: ["A=1", "B=2"] });
  assert.deepEqual(
    [contentOf(image).config.author, contentOf(image).config.comment, image.parent],
    ["me", "done", parent.id],
  );
  const [last, first] = store.images.history(image);
  assert.deepEqual(
    [last?.Id, last?.CreatedBy, last?.Comment, last?.Tags],
    [image.id, "sh -c work", "done", ["made:v1"]],
  );
  assert.equal(first?.Id, parent.id);
});

test("a commit on an image that was removed has all of its layers, and stands by itself", async () => {
  await using store = await openStore();
  const second = makeTar([
    { name: "etc/.wh.motd" },
    { name: "dir/" },
    { name: "dir/.wh..wh..opq" },
    { name: "dir/c", data: "c" },
    { name: "bin/sh", data: "#!!", mode: 0o4755, uid: 12 },
  ]);
  await load(store.images, makeDockerArchive([{ layers: [base, { tar: second }], tags: ["base:latest"] }]));
  const parent = store.images.getImage("base");
  const upper = join(store.root, "upper");
  const before = inOverlay(store, parent, upper, `echo mine > mine; rm etc/conf; ${listing}`);
  store.images.hold(parent.id, "c0ffee");
  await store.images.remove("base", { force: true, noPrune: false, users: new Map() });
  assert.deepEqual(store.images.list(), []);
  const image = await store.images.commit({
    heldBy: "c0ffee",
    upperDirectory: upper,
    config: { Cmd: ["run"] },
    repository: "made",
  });
  assert.equal(inOverlay(store, image, join(store.root, "second"), listing), before);
  assert.equal(contentOf(image).layers.length, 3);
  assert.equal(store.images.history(image).length, 3);
  assert.equal(image.parent, "");
  await store.images.release("c0ffee");
  const archive = await readStream(await store.images.save(["made"]));
  await store.reopen();
  assert.deepEqual(await store.images.check(new Set()), []);
  await store.images.remove("made", { force: true, noPrune: false, users: new Map() });
  assert.deepEqual(readdirSync(join(store.root, "layers")), ["0"]);
  await load(store.images, archive);
  const again = store.images.getImage("made");
  assert.equal(inOverlay(store, again, join(store.root, "third"), listing), before);
});

test("a commit on layers of which the disk is full leaves nothing, and the layers", async () => {
  await using store = await openStore(undefined, 4);
  const big = { tar: makeTar([{ name: "big", data: Buffer.alloc(1_200_000, 7) }]) };
  await load(store.images, makeDockerArchive([{ layers: [big, base], tags: ["base:latest"] }]));
  store.images.hold(store.images.getImage("base").id, "c0ffee");
  await store.images.remove("base", { force: true, noPrune: false, users: new Map() });
  const upper = join(store.root, "upper");
  mkdirSync(upper);
  writeFileSync(join(store.root, "filler"), Buffer.alloc(2_200_000, 1));
  await assert.rejects(store.images.commit({ heldBy: "c0ffee", upperDirectory: upper, config: {} }), {
    message: /no space left on device/,
  });
  assert.deepEqual(store.images.list(), []);
  const held = store.images.heldDirectories("c0ffee");
  assert.equal(held.length, 2);
  assert.equal(readdirSync(held[1] ?? "").length, 1);
  assert.deepEqual(await store.images.check(new Set(["c0ffee"])), []);
});

test("sockets are left out of a commit", async () => {
  await using store = await openStore();
  const upper = join(store.root, "upper");
  mkdirSync(upper);
  const server = createServer().listen(join(upper, "socket"));
  await new Promise((resolve) => server.once("listening", resolve));
  const image = await store.images.commit({ upperDirectory: upper, config: {} });
  server.close();
  assert.equal(contentOf(image).sizeBytes, 0);
  assert.equal(execFileSync("ls", store.images.lowerDirectories(image), { encoding: "utf8" }), "");
});

test("a commit with a bad name makes nothing", async () => {
  await using store = await openStore();
  const upper = join(store.root, "upper");
  mkdirSync(upper);
  const options = { upperDirectory: upper, config: {} };
  await assert.rejects(store.images.commit({ ...options, repository: "Bad" }), { kind: "invalid" });
  assert.deepEqual(store.images.list(), []);
});

test("import makes an image of one layer from a tar, compressed or not", async () => {
  await using store = await openStore();
  const image = await store.images.importRootfs(Readable.from([gzipSync(base.tar)]), {
    repository: "rootfs",
    message: "from a tar",
    changes: ['CMD ["sh"]', "LABEL a=b"],
  });
  assert.deepEqual(store.images.references(image.id).tags, ["rootfs:latest"]);
  assert.equal(contentOf(image).config.rootfs.diff_ids.length, 1);
  assert.deepEqual(contentOf(image).config.config, { Cmd: ["sh"], Labels: { a: "b" } });
  const [directory = ""] = store.images.lowerDirectories(image);
  assert.equal(readFileSync(join(directory, "etc/motd"), "utf8"), "hello");
  await assert.rejects(
    store.images.importRootfs(Readable.from([Buffer.from("garbage ".repeat(200))]), { changes: [] }),
    {
      kind: "invalid",
    },
  );
  assert.equal(store.images.list().length, 1);
});

test("a base image that cannot be made leaves no image", async () => {
  await using store = await openStore();
  const lines: string[] = [];
  const making = store.images.make("debian:no-such-suite", (line) => lines.push(line));
  await assert.rejects(making, { kind: "unavailable", message: /^mmdebstrap failed: E: / });
  assert.deepEqual(store.images.list(), []);
  assert.ok(lines.length > 2, "its progress was told");
});

test("busybox made from this machine's own program is the same each time and runs", async () => {
  await using store = await openStore();
  const lines: string[] = [];
  const image = await store.images.make("busybox", (line) => lines.push(line));
  assert.deepEqual(store.images.references(image.id).tags, ["busybox:latest"]);
  await using other = await openStore();
  assert.equal((await other.images.make("busybox:latest", () => {})).id, image.id);
  const output = inOverlay(
    store,
    image,
    join(store.root, "upper"),
    "chroot . /bin/sh -c 'id -un; ls -d /tmp /etc/passwd; env true && echo ok'",
  );
  assert.equal(output, "root\n/etc/passwd\n/tmp\nok\n");
  await assert.rejects(
    store.images.make("fedora", () => {}),
    { kind: "invalid" },
  );
  await assert.rejects(
    store.images.make("debian:../etc", () => {}),
    { kind: "invalid" },
  );
});

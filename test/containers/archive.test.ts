import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { eventually } from "../engine.ts";
import { makeTar, readStream } from "../images/fixtures.ts";
import { archives, entriesOf, makeRootfs, namesOf, write } from "./rootfs-fixture.ts";

test("a path of a stopped container is described as docker does", async () => {
  using rootfs = makeRootfs();
  const { files } = rootfs;
  chmodSync(join(rootfs.path, "lower/tmp"), 0o1777);
  const motd = await archives.stat(files, "/etc/motd");
  assert.deepEqual([motd.name, motd.size, motd.mode, motd.linkTarget], ["motd", 5, 0o644, ""]);
  assert.match(motd.mtime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  assert.equal((await archives.stat(files, "/tmp")).mode, 2 ** 31 + 2 ** 20 + 0o777);
  const link = await archives.stat(files, "etc/link");
  assert.deepEqual([link.name, link.mode, link.linkTarget], ["link", 2 ** 27 + 0o777, "/etc/motd"]);
  assert.equal((await archives.stat(files, "/etc/up")).linkTarget, "/etc/motd");
  assert.equal((await archives.stat(files, "/dangling")).linkTarget, "/nowhere/x");
  assert.equal((await archives.stat(files, "/abs/motd")).name, "motd");
  assert.equal((await archives.stat(files, "/abs/")).mode, 2 ** 31 + 0o755);
  assert.equal((await archives.stat(files, "/../../abs/.")).name, ".");
  assert.equal((await archives.stat(files, "/")).name, "/");
  assert.equal((await archives.stat(files, "/data/inside")).size, 6);
  await assert.rejects(archives.stat(files, "/no/such"), {
    kind: "notFound",
    message: "Could not find the file /no/such in container c1",
  });
  await assert.rejects(archives.stat(files, "/dangling/"), { kind: "notFound" });
  await assert.rejects(archives.stat(files, "/etc/motd/"), {
    kind: "invalid",
    message: "/etc/motd/: not a directory",
  });
});

test("an archive's names start with what was asked for", async () => {
  using rootfs = makeRootfs();
  const { files } = rootfs;
  assert.deepEqual(await namesOf(files, "/etc/motd"), ["motd"]);
  assert.deepEqual(await namesOf(files, "/abs"), ["abs"]);
  assert.deepEqual(await namesOf(files, "/new"), ["new/", "new/file"]);
  assert.deepEqual(await namesOf(files, "/new/"), ["new/", "new/file"]);
  assert.deepEqual(await namesOf(files, "/new/."), ["./", "./file"]);
  assert.deepEqual(await namesOf(files, "/data"), ["data/", "data/inside"]);
  const all = await namesOf(files, "/");
  assert.ok(all.includes("/") && all.includes("/etc/motd") && all.includes("/data/inside"), all.join());
});

test("export holds the files and not the volumes", async () => {
  using rootfs = makeRootfs();
  const names = entriesOf(await readStream(await archives.export(rootfs.files))).map(
    ({ entry }) => entry.name,
  );
  assert.ok(
    names.includes("etc/motd") && names.includes("new/file") && names.includes("data/"),
    names.join(),
  );
  assert.ok(!names.includes("data/inside"));
});

test("what is written arrives with owners and modes, compressed or not, in the layer or the volume", async () => {
  using rootfs = makeRootfs();
  const { files, path } = rootfs;
  const archive = makeTar([
    { name: "d/", uid: 7 },
    { name: "d/f", data: "x", uid: 1000, gid: 1001, mode: 0o4750 },
  ]);
  await write(files, "/abs", gzipSync(archive));
  const { mode, uid, gid } = lstatSync(join(path, "upper/etc/d/f"));
  assert.deepEqual([mode & 0o7777, uid, gid], [0o4750, 1000, 1001]);
  await write(files, "/data", archive);
  assert.equal(readFileSync(join(path, "volume/d/f"), "utf8"), "x");
  await write({ ...files, user: { uid: 5, gid: 6 } }, "/tmp", archive, { copyUidGid: true });
  assert.deepEqual(
    [lstatSync(join(path, "upper/tmp/d/f")).uid, lstatSync(join(path, "upper/tmp/d")).gid],
    [5, 6],
  );
});

test("what cannot be written to is refused in docker's words", async () => {
  using rootfs = makeRootfs();
  const { files } = rootfs;
  const archive = makeTar([{ name: "f", data: "x" }]);
  await assert.rejects(write(files, "/no/such", archive), {
    kind: "notFound",
    message: "Could not find the file /no/such in container c1",
  });
  await assert.rejects(write(files, "/etc/motd", archive), {
    kind: "invalid",
    message: "extraction point is not a directory",
  });
  await assert.rejects(write(files, "/mnt/ro", archive), {
    kind: "invalid",
    message: "mounted volume is marked read-only",
  });
  const sealed = { ...files, readOnlyRootfs: true };
  await assert.rejects(write(sealed, "/etc", archive), {
    kind: "invalid",
    message: "container rootfs is marked read-only",
  });
  await write(sealed, "/data", archive);
  symlinkSync("/etc", join(rootfs.path, "volume/out"));
  await assert.rejects(write(sealed, "/data", makeTar([{ name: "out/f", data: "x" }])), {
    kind: "invalid",
  });
  const keep = { noOverwriteDirNonDir: true };
  await assert.rejects(
    write(files, "/", makeTar([{ name: "etc", data: "x" }]), keep),
    /cannot overwrite directory "etc" with non-directory/,
  );
  await assert.rejects(
    write(files, "/etc", makeTar([{ name: "motd/" }]), keep),
    /cannot overwrite non-directory "motd" with directory/,
  );
  await assert.rejects(write(files, "/etc", Buffer.from("garbage".repeat(200))), {
    kind: "invalid",
    message: "invalid tar header",
  });
  await assert.rejects(write(files, "/etc", archive.subarray(0, 512)), {
    kind: "invalid",
    message: /unexpected EOF/,
  });
  await assert.rejects(write(files, "/etc", gzipSync(archive).subarray(0, 40)), {
    kind: "invalid",
    message: /invalid gzip data/,
  });
});

test("no mount and no descriptor is left behind", async () => {
  using rootfs = makeRootfs();
  const mounts = () =>
    readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(rootfs.path));
  await namesOf(rootfs.files, "/etc");
  // A worker thread has a pipe of its own, both ends open; one end alone is one of ours.
  const open = () => {
    const targets = readdirSync("/proc/self/fd").map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    });
    const isLeft = (target: string) =>
      target.includes(rootfs.path) ||
      (target.startsWith("pipe:") && targets.filter((other) => other === target).length === 1);
    return targets.filter(isLeft).sort();
  };
  const count = open();
  for (let round = 0; round < 5; round++) {
    await namesOf(rootfs.files, "/etc");
    await write(rootfs.files, "/etc", makeTar([{ name: "f", data: "x" }]));
    const { stream } = await archives.read(rootfs.files, "/");
    stream.destroy();
    await assert.rejects(archives.stat(rootfs.files, "/none"));
  }
  await archives.stat(rootfs.files, "/");
  assert.deepEqual(mounts(), []);
  // A worker notices a moment later that nobody reads any more.
  await eventually(
    () => open().join(),
    (now) => now === count.join(),
  );
});

test("a directory that is replaced while it is read is left out", async () => {
  using rootfs = makeRootfs();
  chownSync(join(rootfs.path, "upper/new/file"), 3, 4);
  unlinkSync(join(rootfs.path, "upper/new/file"));
  assert.deepEqual(await namesOf(rootfs.files, "/new"), ["new/"]);
});

test("what is read is left as it was, also where a volume's place is missing, and shows the root's owner and mode", async () => {
  using rootfs = makeRootfs();
  const { files } = rootfs;
  const upper = join(rootfs.path, "upper");
  chownSync(upper, 5, 6);
  chmodSync(upper, 0o711);
  const before = readdirSync(upper);
  assert.deepEqual(await namesOf(files, "/mnt/ro"), ["ro/"]);
  const [root] = entriesOf(await readStream((await archives.read(files, "/")).stream));
  assert.deepEqual([root?.entry.uid, root?.entry.gid, root?.entry.mode], [5, 6, 0o711]);
  assert.deepEqual(readdirSync(upper), before);
});

test("as many layers as a mount takes can be read", async () => {
  using rootfs = makeRootfs();
  const { files } = rootfs;
  const options = (layers: string[]) => [...layers, files.upper, files.work].join(":").length + 100;
  const lower = [...files.lower];
  for (let n = 0; options(lower) + rootfs.path.length + 20 < 4096; n++) {
    lower.push(join(rootfs.path, `l${n}`));
    mkdirSync(join(rootfs.path, `l${n}`));
  }
  assert.deepEqual(await namesOf({ ...files, lower, mounts: [] }, "/etc/motd"), ["motd"]);
});

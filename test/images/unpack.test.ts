import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { digestOf } from "../../src/formats/digest.ts";
import { unpackLayer } from "../../src/images/unpack.ts";
import { getXattr } from "../../src/sys/xattr.ts";
import { makeSmallDisk } from "../small-disk.ts";
import { type Member, makeTar } from "./fixtures.ts";

interface Folder extends Disposable {
  path: string;
  /** Unpacks into `<path>/layer`. */
  unpack(archive: Buffer): ReturnType<typeof unpackLayer>;
}

function makeFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), "berth-unpack-"));
  return {
    path,
    unpack(archive) {
      writeFileSync(join(path, "blob"), archive);
      return unpackLayer({ path: join(path, "blob") }, digestOf(archive), join(path, "layer"));
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

test("a sparse file keeps its holes, which cost nothing, and its end", async () => {
  using folder = makeFolder();
  const file = join(folder.path, "sparse");
  writeFileSync(file, "start");
  truncateSync(file, 3_000_000_000);
  const archive = execFileSync("tar", ["-C", folder.path, "-S", "--format=pax", "-cf", "-", "sparse"]);
  const { sizeBytes } = await folder.unpack(archive);
  const { size, blocks } = lstatSync(join(folder.path, "layer/sparse"));
  assert.equal(size, 3_000_000_000);
  assert.ok(blocks * 512 < 100_000 && sizeBytes < 100_000, `${blocks} blocks, ${sizeBytes} bytes`);
  const start = execFileSync("head", ["-c", "6", join(folder.path, "layer/sparse")]);
  assert.equal(start.toString(), "start\0");
});

test("owners, modes, times, links, devices and attributes arrive as they are in the archive", async () => {
  using folder = makeFolder();
  const capability = Buffer.from("0000000200200000000000000000000000000000", "hex");
  const time = { seconds: 1_234_567_890, nanoseconds: 987_654_321 };
  const archive = makeTar([
    { name: "./", type: "directory", mode: 0o711 },
    { name: "d/", mode: 0o1777, uid: 1000, gid: 70_000, mtime: time },
    {
      name: "d/su",
      mode: 0o6755,
      uid: 12,
      gid: 34,
      data: "x",
      mtime: time,
      xattrs: new Map([
        ["security.capability", capability],
        ["user.a", Buffer.from([0, 255])],
      ]),
    },
    { name: "d/hard", type: "link", linkName: "./d/su" },
    { name: "s", type: "symlink", linkName: "/no/where", uid: 5, gid: 6, mtime: time },
    { name: "null", type: "characterDevice", deviceMajor: 1, deviceMinor: 3, mode: 0o666 },
    { name: "big", type: "blockDevice", deviceMajor: 259, deviceMinor: 300_000, mode: 0o660, gid: 6 },
    { name: "pipe", type: "fifo", mode: 0o622 },
    { name: "latin\xe4\xff", data: "bytes" },
    { name: "implied/deep/file", data: "y" },
    { name: `${"n".repeat(200)}/${"m".repeat(255)}`, data: "long" },
  ]);
  const { diffId, sizeBytes } = await folder.unpack(gzipSync(archive));
  assert.equal(diffId, digestOf(archive));
  assert.equal(sizeBytes, 1 + 5 + 1 + 4);
  const at = (name: string) => lstatSync(join(folder.path, "layer", name), { bigint: true });
  const mtime = 1_234_567_890_987_654_321n;
  assert.equal(at(".").mode & 0o7777n, 0o711n);
  const { mode, uid, gid, mtimeNs } = at("d");
  assert.deepEqual([mode & 0o7777n, uid, gid, mtimeNs], [0o1777n, 1000n, 70_000n, mtime]);
  const su = at("d/su");
  assert.deepEqual([su.mode & 0o7777n, su.uid, su.gid, su.mtimeNs, su.nlink], [0o6755n, 12n, 34n, mtime, 2n]);
  assert.equal(su.ino, at("d/hard").ino);
  assert.deepEqual(getXattr(join(folder.path, "layer/d/su"), "security.capability"), capability);
  assert.deepEqual(getXattr(join(folder.path, "layer/d/su"), "user.a"), Buffer.from([0, 255]));
  const link = at("s");
  assert.deepEqual([link.isSymbolicLink(), link.uid, link.gid, link.mtimeNs], [true, 5n, 6n, mtime]);
  assert.equal(readlinkSync(join(folder.path, "layer/s")), "/no/where");
  assert.deepEqual([at("null").rdev, at("null").mode & 0o777n], [0x103n, 0o666n]);
  assert.equal(
    execFileSync("stat", ["-c", "%t,%T,%a", join(folder.path, "layer/big")], { encoding: "utf8" }).trim(),
    "103,493e0,660",
  );
  assert.ok(at("pipe").isFIFO());
  const names = readdirSync(join(folder.path, "layer"), { encoding: "latin1" });
  assert.ok(names.includes("latin\xe4\xff"), String(names));
  assert.equal(readFileSync(join(folder.path, "layer/implied/deep/file"), "utf8"), "y");
});

test("what its directory hands down is not kept: group, set-group-ID bit and access control list", async () => {
  using folder = makeFolder();
  // Version 2; user::rwx, group::---, other::---, each with its tag, permissions and no id.
  const nobodyElse = Buffer.from(
    "020000000100 0700ffffffff 0400 0000ffffffff 2000 0000ffffffff".replaceAll(" ", ""),
    "hex",
  );
  await folder.unpack(
    makeTar([
      { name: "g/", mode: 0o2775, gid: 50 },
      { name: "g/file", mode: 0o664, data: "1" },
      { name: "g/sub/", mode: 0o755 },
      { name: "acl/", xattrs: new Map([["system.posix_acl_default", nobodyElse]]) },
      { name: "acl/file", mode: 0o666 },
      { name: "acl/sub/", mode: 0o777 },
    ]),
  );
  const at = (name: string) => {
    const { mode, uid, gid } = lstatSync(join(folder.path, "layer", name));
    return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
  };
  const seen = ["g", "g/file", "g/sub", "acl/file", "acl/sub"].map(at);
  assert.deepEqual(seen, ["2775 0:50", "664 0:0", "755 0:0", "666 0:0", "777 0:0"]);
});

test("a directory has its own time, whatever came into it, was told later or took its place", async () => {
  using folder = makeFolder();
  const mtime = (seconds: number) => ({ seconds, nanoseconds: 5 });
  await folder.unpack(
    makeTar([
      { name: "./", type: "directory", mtime: mtime(1) },
      { name: "a/", mtime: mtime(2) },
      { name: "a/b/", mtime: mtime(3) },
      { name: "a/b/c/", mtime: mtime(4) },
      { name: "x/", mtime: mtime(5) },
      { name: "x/y/", mtime: mtime(6) },
      { name: "x", data: "a file now", mtime: mtime(7) },
      { name: "a/b/c/file", data: "1", mtime: mtime(8) },
      { name: "a/", mtime: mtime(9) },
    ]),
  );
  const at = (name: string) => lstatSync(join(folder.path, "layer", name), { bigint: true }).mtimeNs;
  const names = [".", "a", "a/b", "a/b/c", "x", "a/b/c/file"];
  assert.deepEqual(
    names.map(at),
    [1n, 9n, 3n, 4n, 7n, 8n].map((seconds) => seconds * 1_000_000_000n + 5n),
  );
});

test("deletions become overlay's, and overlay's own attributes are not taken from an archive", async () => {
  using folder = makeFolder();
  const overlay = new Map([["trusted.overlay.redirect", Buffer.from("/etc")]]);
  await folder.unpack(
    makeTar([
      { name: "a/", xattrs: overlay },
      { name: "a/.wh.gone" },
      { name: "b/" },
      { name: "b/.wh..wh..opq" },
      { name: ".wh.c" },
      { name: "c/" },
      { name: "c/new", data: "1" },
      { name: "d/" },
      { name: ".wh.d" },
      { name: ".wh..wh.plnk/" },
    ]),
  );
  const layer = join(folder.path, "layer");
  const gone = lstatSync(join(layer, "a/gone"));
  assert.deepEqual([gone.isCharacterDevice(), gone.rdev], [true, 0]);
  assert.equal(getXattr(join(layer, "a"), "trusted.overlay.redirect"), undefined);
  for (const opaque of ["b", "c", "d"]) {
    assert.equal(getXattr(join(layer, opaque), "trusted.overlay.opaque")?.toString(), "y", opaque);
  }
  assert.deepEqual(readdirSync(layer).sort(), ["a", "b", "c", "d"]);
});

test("deletions mean the layers below, wherever in the archive they stand", async () => {
  const orders: [string, Member[], Record<string, string>][] = [
    ["a directory and what was in it", [{ name: ".wh.d" }, { name: "d/.wh.e" }], { d: "hidden" }],
    ["what was in a directory, and it", [{ name: "d/.wh.e" }, { name: ".wh.d" }], { d: "hidden" }],
    ["deeper first", [{ name: "d/e/.wh.f" }, { name: "d/.wh.e" }], { d: "plain", "d/e": "hidden" }],
    [
      "a new directory is told of by what is in it",
      [{ name: ".wh.d" }, { name: "d/e", data: "1" }],
      { d: "opaque", "d/e": "file" },
    ],
    ["and before", [{ name: "d/e", data: "1" }, { name: ".wh.d" }], { d: "opaque", "d/e": "file" }],
    ["a file in the place of a directory", [{ name: "d/.wh.e" }, { name: "d", data: "1" }], { d: "file" }],
    [
      "a link in the place of a directory",
      [
        { name: "real/" },
        { name: "d", type: "symlink", linkName: "real" },
        { name: "d/.wh.e" },
        { name: "d/.wh..wh..opq" },
      ],
      { d: "link", real: "plain", "real/e": "nothing" },
    ],
    [
      "a link to nowhere",
      [{ name: "d", type: "symlink", linkName: "x" }, { name: "d/.wh.e" }],
      { d: "link", x: "nothing" },
    ],
    [
      "a new file of the name",
      [{ name: ".wh.f" }, { name: "f", data: "1" }, { name: ".wh.f" }],
      { f: "file" },
    ],
  ];
  for (const [what, members, expected] of orders) {
    using folder = makeFolder();
    await folder.unpack(makeTar(members));
    const found = Object.keys(expected).map((name) => [name, kindOf(join(folder.path, "layer", name))]);
    assert.deepEqual(Object.fromEntries(found), expected, what);
  }
});

function kindOf(path: string): string {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats) return "nothing";
  if (stats.isCharacterDevice()) return "hidden";
  if (!stats.isDirectory()) return stats.isFile() ? "file" : "link";
  return getXattr(path, "trusted.overlay.opaque") ? "opaque" : "plain";
}

test("a later entry replaces an earlier one of another kind", async () => {
  using folder = makeFolder();
  await folder.unpack(
    makeTar([
      { name: "x/" },
      { name: "x/y/" },
      { name: "x/y/z", data: "1" },
      { name: "x", data: "now a file" },
      { name: "f", data: "file" },
      { name: "f/" },
      { name: "f/inside", data: "2" },
      { name: "same", data: "first" },
      { name: "same", data: "second" },
    ]),
  );
  const layer = join(folder.path, "layer");
  assert.equal(readFileSync(join(layer, "x"), "utf8"), "now a file");
  assert.equal(readFileSync(join(layer, "f/inside"), "utf8"), "2");
  assert.equal(readFileSync(join(layer, "same"), "utf8"), "second");
});

test("no entry of a hostile archive reaches outside", async () => {
  using folder = makeFolder();
  const victim = join(folder.path, "victim");
  mkdirSync(victim);
  writeFileSync(join(victim, "secret"), "secret");
  const escapes: [string, Member[]][] = [
    ["dots", [{ name: "../victim/evil", data: "x" }]],
    ["dots in the middle", [{ name: "a/" }, { name: "a/../../victim/evil", data: "x" }]],
    ["an absolute name", [{ name: `${victim}/evil`, data: "x" }]],
    [
      "a link as parent",
      [
        { name: "l", type: "symlink", linkName: victim },
        { name: "l/evil", data: "x" },
      ],
    ],
    [
      "a relative link as parent",
      [
        { name: "l", type: "symlink", linkName: "../victim" },
        { name: "l/evil", data: "x" },
      ],
    ],
    [
      "a link in place of a used directory",
      [
        { name: "l/" },
        { name: "l/a", data: "x" },
        { name: "l", type: "symlink", linkName: victim },
        { name: "l/evil", data: "x" },
      ],
    ],
    [
      "links in a row",
      [
        { name: "a", type: "symlink", linkName: "b" },
        { name: "b", type: "symlink", linkName: "../victim" },
        { name: "a/evil", data: "x" },
      ],
    ],
    [
      "a file over a link",
      [
        { name: "l", type: "symlink", linkName: `${victim}/secret` },
        { name: "l", data: "overwritten" },
      ],
    ],
    [
      "mode of a link's target",
      [
        { name: "l", type: "symlink", linkName: victim },
        { name: "l/", mode: 0o777 },
      ],
    ],
    ["a whiteout of more than a name", [{ name: ".wh.../../victim/secret" }]],
    ["a whiteout of dots", [{ name: "a/.wh..." }]],
    ["opaque through a link", [{ name: "l", type: "symlink", linkName: victim }, { name: "l/.wh..wh..opq" }]],
    [
      "hard link outside",
      [
        { name: "h", type: "link", linkName: "../victim/secret" },
        { name: "h", data: "x" },
      ],
    ],
    ["absolute hard link", [{ name: "h", type: "link", linkName: `${victim}/secret` }]],
    [
      "hard link through a link",
      [
        { name: "l", type: "symlink", linkName: victim },
        { name: "h", type: "link", linkName: "l/secret" },
      ],
    ],
    [
      "proc's magic links",
      [
        { name: "l", type: "symlink", linkName: "/proc/self/root" },
        { name: `l${victim}/evil`, data: "x" },
      ],
    ],
    ["a name of nothing", [{ name: "..", type: "directory" }]],
  ];
  for (const [what, members] of escapes) {
    await folder.unpack(makeTar(members)).catch((error: unknown) => {
      assert.match(String(error), /EngineError/, what);
    });
    assert.deepEqual(readdirSync(victim), ["secret"], what);
    assert.equal(readFileSync(join(victim, "secret"), "utf8"), "secret", what);
    assert.deepEqual(
      [lstatSync(victim).mode & 0o777, lstatSync(join(victim, "secret")).nlink],
      [0o755, 1],
      what,
    );
    assert.equal(getXattr(victim, "trusted.overlay.opaque"), undefined, what);
    rmSync(join(folder.path, "layer"), { recursive: true, force: true });
  }
});

test("a directory that a later entry has made a link to itself has no time", async () => {
  using folder = makeFolder();
  await folder.unpack(
    makeTar([
      { name: "a/b/", type: "directory" },
      { name: "a", type: "symlink", linkName: "a" },
    ]),
  );
  assert.equal(readlinkSync(join(folder.path, "layer/a")), "a");
});

test("a failure names the entry and leaves nothing", async () => {
  using folder = makeFolder();
  const cases: [Buffer, RegExp][] = [
    [makeTar([{ name: "a", data: "1" }, { name: "../b" }]), /"\.\.\/b": path escapes the root/],
    [makeTar([{ name: "h", type: "link", linkName: "missing" }]), /failed to extract "h": ENOENT/],
    [
      makeTar([
        { name: "a", data: "1" },
        { name: "a/b", data: "2" },
      ]),
      /failed to extract "a\/b"/,
    ],
    [makeTar([{ name: "x".repeat(300), data: "1" }]), /ENAMETOOLONG/],
    [makeTar([{ name: "a", data: "x".repeat(2000) }]).subarray(0, 1024), /unexpected EOF/],
    [makeTar([{ name: "a/".repeat(100_000), type: "directory" }]), /ENAMETOOLONG/],
    [
      makeTar([{ name: "l", type: "symlink", linkName: "x".repeat(5000) }]),
      /failed to extract "l": ENAMETOOLONG/,
    ],
    [makeTar([{ name: "u", uid: 2 ** 40 }]), /failed to extract "u"/],
    [makeTar([{ name: "h/" }, { name: "g", type: "link", linkName: "h" }]), /failed to extract "g": EPERM/],
  ];
  for (const [archive, message] of cases) {
    await assert.rejects(folder.unpack(archive), message);
    assert.equal(existsSync(join(folder.path, "layer")), false);
  }
});

test("a full disk is said in one sentence and leaves nothing", async () => {
  using folder = makeFolder();
  await using disk = makeSmallDisk(1);
  const archive = makeTar([{ name: "big", data: Buffer.alloc(3 << 20, "x") }]);
  writeFileSync(join(folder.path, "blob"), archive);
  await assert.rejects(
    unpackLayer({ path: join(folder.path, "blob") }, digestOf(archive), join(disk.path, "layer")),
    {
      kind: "internal",
      message: 'failed to extract "big": no space left on device',
    },
  );
  assert.deepEqual(readdirSync(disk.path), []);
});

test("a thousand directories cost no descriptors", async () => {
  using folder = makeFolder();
  const before = readdirSync("/proc/self/fd").length;
  const members = Array.from({ length: 1000 }, (_, at) => ({ name: `d${at}/f`, data: "" }));
  await folder.unpack(makeTar(members));
  assert.equal(readdirSync(join(folder.path, "layer")).length, 1000);
  assert.ok(readdirSync("/proc/self/fd").length <= before + 1);
});

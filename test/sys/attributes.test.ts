import assert from "node:assert/strict";
import { closeSync, lstatSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { decodeDevice } from "../../src/formats/device-number.ts";
import { modificationTime } from "../../src/formats/tar/file-stats.ts";
import { makeNode } from "../../src/sys/device-node.ts";
import { setEntryTimes, setTimes } from "../../src/sys/file-times.ts";
import { getXattr, listXattrs, setXattr } from "../../src/sys/xattr.ts";

function inFolder(work: (folder: string, fd: number) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "berth-attributes-"));
  const fd = openSync(folder, "r");
  try {
    work(folder, fd);
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

test("extended attributes keep their bytes, by path and by descriptor", () => {
  inFolder((folder, fd) => {
    const path = join(folder, "file");
    writeFileSync(path, "");
    const big = Buffer.alloc(3000, 0xff);
    assert.equal(setXattr(path, "user.big", big), true);
    assert.equal(setXattr(fd, "trusted.dir", Buffer.alloc(0)), true);
    assert.deepEqual(getXattr(path, "user.big"), big);
    assert.deepEqual(getXattr(folder, "trusted.dir"), Buffer.alloc(0));
    assert.equal(getXattr(path, "user.none"), undefined);
    assert.deepEqual(listXattrs(path), ["user.big"]);
    assert.equal(setXattr("/proc/self/status", "user.a", Buffer.from("x")), false);
    assert.throws(() => setXattr(join(folder, "none"), "user.a", Buffer.from("x")), { code: "ENOENT" });
  });
});

test("a link's own attributes are meant, not its target's", () => {
  inFolder((folder, fd) => {
    writeFileSync(join(folder, "file"), "");
    symlinkSync("file", join(folder, "link"));
    setXattr(join(folder, "link"), "trusted.own", Buffer.from("1"));
    setEntryTimes(fd, "link", { seconds: 5, nanoseconds: 6 });
    assert.equal(getXattr(join(folder, "file"), "trusted.own"), undefined);
    assert.equal(lstatSync(join(folder, "link"), { bigint: true }).mtimeNs, 5_000_000_006n);
    assert.notEqual(lstatSync(join(folder, "file")).mtimeMs, 5000);
  });
});

test("times are kept to the nanosecond on both sides of 1970", () => {
  inFolder((folder) => {
    const fd = openSync(join(folder, "file"), "w");
    for (const time of [
      { seconds: 1_700_000_000, nanoseconds: 123_456_789 },
      { seconds: -2, nanoseconds: 999_999_999 },
      { seconds: 0, nanoseconds: 0 },
    ]) {
      setTimes(fd, time);
      assert.deepEqual(modificationTime(lstatSync(join(folder, "file"), { bigint: true })), time);
    }
    closeSync(fd);
  });
});

test("device numbers of any size come back", () => {
  inFolder((folder, fd) => {
    for (const device of [
      { major: 1, minor: 3 },
      { major: 0, minor: 0 },
      { major: 259, minor: 1_048_575 },
      { major: 4095, minor: 256 },
    ]) {
      makeNode(fd, "node", "blockDevice", device);
      assert.deepEqual(decodeDevice(lstatSync(join(folder, "node"), { bigint: true }).rdev), device);
      assert.throws(() => makeNode(fd, "node", "fifo", device), { code: "EEXIST" });
      rmSync(join(folder, "node"));
    }
  });
});

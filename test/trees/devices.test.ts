import assert from "node:assert/strict";
import fs, { closeSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { basename, join } from "node:path";
import { afterEach, mock, test } from "node:test";
import { readFolderFile } from "../../src/build/context/folders.ts";
import { openMountedTree } from "../../src/build/context/mounted-tree.ts";
import { makeNode } from "../../src/sys/device-node.ts";
import { copyDirectory } from "../../src/trees/copy.ts";
import { openMergedRoot } from "../../src/trees/merged.ts";
import { packTree } from "../../src/trees/pack.ts";
import { type Folder, makeFolder } from "./fixtures.ts";

afterEach(() => {
  mock.restoreAll();
  syncBuiltinESMExports();
});

/** Of no driver: to open it fails with ENODEV, so that whatever opens it says so. */
const device = { major: 10, minor: 255 };

/** Puts the device in the place of a file once that has been looked at so many times. */
function replaceOnceSeen({ fd, path }: Folder, name: string, looks = 1): void {
  writeFileSync(join(path, name), "content");
  const lstat = fs.lstatSync;
  let left = looks;
  const look = (at: string, options: object) => {
    const stats = lstat(at, options);
    if (basename(String(at)) === name && --left === 0) {
      rmSync(join(path, name));
      makeNode(fd, name, "characterDevice", device);
    }
    return stats;
  };
  mock.method(fs, "lstatSync", look as typeof lstat);
  syncBuiltinESMExports();
}

test("a device that takes a file's place is not opened", () => {
  using folder = makeFolder();
  const before = readdirSync("/proc/self/fd").length;
  makeNode(folder.fd, "device", "characterDevice", device);
  assert.throws(() => openSync(join(folder.path, "device"), "r"), { code: "ENODEV" });
  rmSync(join(folder.path, "device"));

  for (const [name, looks] of [
    ["passwd", 1],
    ["group", 2],
  ] as const) {
    replaceOnceSeen(folder, name, looks);
    const root = openMergedRoot([folder.path]);
    const fd = root.findFile(name);
    root.close();
    if (fd !== undefined) closeSync(fd);
    mock.restoreAll();
  }

  replaceOnceSeen(folder, "packed");
  const pieces = [...packTree({ rootFd: folder.fd, path: "packed", name: "packed", whiteouts: false })];
  assert.equal(Buffer.concat(pieces).length, 0);
  mock.restoreAll();

  using target = makeFolder();
  using source = makeFolder();
  replaceOnceSeen(source, "copied");
  copyDirectory(source.fd, target.fd);
  assert.deepEqual(readdirSync(target.path), []);
  assert.equal(readdirSync("/proc/self/fd").length, before + 2);
});

test("a device in a build's tree is not opened to read it", () => {
  using tree = makeFolder();
  makeNode(tree.fd, "device", "characterDevice", device);
  assert.equal(readFolderFile(tree.path, "device"), undefined);
  const mounted = openMountedTree(openSync(tree.path, "r"));
  try {
    assert.throws(() => [...mounted.read("device")], { message: /"device" was replaced while it was read/ });
  } finally {
    mounted.close();
  }
});

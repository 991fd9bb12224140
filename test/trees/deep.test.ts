import assert from "node:assert/strict";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createTarReader } from "../../src/formats/tar/tar-reader.ts";
import { closeDescriptor, descriptorPath, openInRoot } from "../../src/sys/safe-path.ts";
import { copyDirectory } from "../../src/trees/copy.ts";
import { createDescent } from "../../src/trees/descent.ts";
import { listChanges } from "../../src/trees/diff.ts";
import { createExtraction } from "../../src/trees/extract.ts";
import { measureTree } from "../../src/trees/measure.ts";
import { packTree } from "../../src/trees/pack.ts";
import { removePath } from "../../src/trees/remove.ts";
import { walkTree } from "../../src/trees/walk.ts";
import { longName, makeFolder, nestDirectories } from "./fixtures.ts";

const openDescriptors = () => readdirSync("/proc/self/fd").length;
const deepFile = `${`${longName}/`.repeat(60)}file`;

test("a tree deeper than any path is measured, and removed, with few descriptors", () => {
  using folder = makeFolder();
  const before = openDescriptors();
  for (const [depth, name] of [
    [60, longName],
    [1000, "d"],
  ] as const) {
    mkdirSync(join(folder.path, "tree"));
    const fd = openSync(join(folder.path, "tree"), "r");
    nestDirectories(fd, depth, name);
    assert.equal(measureTree(join(folder.path, "tree")).contentBytes, 4);
    let deepest = "";
    let most = 0;
    for (const { name: base, path, enter } of walkTree(fd)) {
      if (base === "file") deepest = path;
      else enter();
      if (path.length % 1000 < 3) most = Math.max(most, openDescriptors());
    }
    closeSync(fd);
    assert.equal(deepest.length, (name.length + 1) * depth + "file".length);
    assert.ok(most < before + 50, `${most} descriptors`);
    removePath(join(folder.path, "tree"));
    assert.deepEqual(readdirSync(folder.path), []);
  }
  assert.equal(openDescriptors(), before);
});

test("a tree deeper than any path is packed, unpacked, copied and compared", () => {
  using folder = makeFolder();
  const at = (name: string) => join(folder.path, name);
  for (const name of ["source", "unpacked", "copied", "empty"]) mkdirSync(at(name));
  const open = (name: string) => openSync(at(name), "r");
  const [source, unpacked, copied] = [open("source"), open("unpacked"), open("copied")];
  nestDirectories(source, 60);
  const extraction = createExtraction({ rootFd: unpacked, base: "", whiteouts: true });
  const reader = createTarReader();
  for (const piece of packTree({ rootFd: source, path: "", name: "", whiteouts: true }))
    for (const event of reader.push(Buffer.from(piece))) extraction.take(event);
  extraction.finish();
  extraction.close();
  copyDirectory(source, copied);
  for (const fd of [unpacked, copied]) {
    const file = openInRoot(fd, deepFile, 0);
    assert.equal(readFileSync(descriptorPath(file), "utf8"), "deep");
    closeDescriptor(file);
  }
  const changes = listChanges(at("source"), [at("empty")]);
  assert.deepEqual([changes.length, changes.at(-1)], [61, { Path: `/${deepFile}`, Kind: 1 }]);
  assert.deepEqual(listChanges(at("copied"), [at("source")]), []);
  for (const fd of [source, unpacked, copied]) closeSync(fd);
});

test("paths that grow with the square of a tree's depth end in an error", () => {
  using folder = makeFolder();
  mkdirSync(join(folder.path, "tree"));
  const fd = openSync(join(folder.path, "tree"), "r");
  nestDirectories(fd, 100);
  const pack = () => [...packTree({ rootFd: fd, path: "", name: "", whiteouts: false })].length;
  assert.throws(pack, { kind: "internal", message: /^file name too long: / });
  assert.throws(() => listChanges(join(folder.path, "tree"), []), { kind: "internal" });
  closeSync(fd);
});

test("a path longer than the kernel takes does not lead out of its root", () => {
  using folder = makeFolder();
  nestDirectories(folder.fd, 60);
  for (const path of [
    `${"/..".repeat(5000)}/etc/passwd`,
    `${`${longName}/`.repeat(30)}${"../".repeat(3000)}etc/passwd`,
  ])
    assert.throws(() => openInRoot(folder.fd, path, 0), /open .*: (ENOENT|EXDEV)/);
  assert.throws(() => openInRoot(folder.fd, "x".repeat(5000), 0), { code: "ENAMETOOLONG" });
});

test("who moves a directory away while it is read does not have something else read or removed", () => {
  using folder = makeFolder();
  mkdirSync(join(folder.path, "tree"));
  mkdirSync(join(folder.path, "elsewhere"));
  const fd = openSync(join(folder.path, "tree"), "r");
  nestDirectories(fd, 60, "d");
  const descent = createDescent(fd);
  for (let level = 0; level < 60; level++) assert.ok(descent.enter("d"));
  renameSync(join(folder.path, "tree", "d/".repeat(20)), join(folder.path, "elsewhere/d"));
  assert.throws(
    () => {
      for (let level = 0; level < 60; level++) descent.leave();
    },
    { kind: "internal", message: "a directory was moved while it was read" },
  );
  descent.close();
  closeSync(fd);
});

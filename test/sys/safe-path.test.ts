import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SyscallError } from "../../src/sys/libc.ts";
import {
  closeDescriptor,
  entryPath,
  isMountpoint,
  listDirectory,
  openDirectoryInRoot,
  openInRoot,
  removeTree,
  splitPath,
} from "../../src/sys/safe-path.ts";

interface Root extends Disposable {
  path: string;
  fd: number;
}

function makeRoot(): Root {
  const path = mkdtempSync(join(tmpdir(), "berth-path-"));
  mkdirSync(join(path, "root/dir"), { recursive: true });
  writeFileSync(join(path, "outside"), "secret");
  const fd = openSync(join(path, "root"), "r");
  return {
    path,
    fd,
    [Symbol.dispose]() {
      closeSync(fd);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

test("links and dots stay inside the root", () => {
  using root = makeRoot();
  writeFileSync(join(root.path, "root/inside"), "");
  symlinkSync("/inside", join(root.path, "root/absolute"));
  symlinkSync("../../../inside", join(root.path, "root/dir/up"));
  symlinkSync(`${root.path}/outside`, join(root.path, "root/escape"));
  symlinkSync("/proc/self/root", join(root.path, "root/magic"));
  for (const path of ["inside", "/inside", "absolute", "dir/up", "dir/../../../inside"]) {
    closeDescriptor(openInRoot(root.fd, path, constants.O_RDONLY));
  }
  for (const path of ["../outside", "escape", `${root.path}/outside`, "magic/etc/passwd"]) {
    assert.throws(
      () => openInRoot(root.fd, path, constants.O_RDONLY),
      (error) => error instanceof SyscallError && error.code === "ENOENT",
      path,
    );
  }
  const proc = openSync("/proc", "r");
  assert.throws(() => openInRoot(proc, "self/root/etc/passwd", constants.O_RDONLY), { code: "ELOOP" });
  assert.equal(isMountpoint(proc, "self"), false);
  closeSync(proc);
});

test("names of any bytes are listed, opened and removed", () => {
  using root = makeRoot();
  const name = "caf\xe9 \xff\n";
  writeFileSync(entryPath(root.fd, name), "x");
  assert.deepEqual(listDirectory(root.fd), [name, "dir"].sort());
  closeDescriptor(openInRoot(root.fd, name, constants.O_RDONLY));
  removeTree(root.fd, name);
  assert.deepEqual(listDirectory(root.fd), ["dir"]);
});

test("removing a tree takes links and not what they point to", () => {
  using root = makeRoot();
  mkdirSync(join(root.path, "kept"));
  writeFileSync(join(root.path, "kept/file"), "");
  mkdirSync(join(root.path, "root/tree/a/b/c"), { recursive: true });
  symlinkSync("../../kept", join(root.path, "root/tree/relative"));
  symlinkSync(join(root.path, "kept"), join(root.path, "root/tree/a/absolute"));
  removeTree(root.fd, "tree");
  assert.equal(existsSync(join(root.path, "root/tree")), false);
  symlinkSync("../kept", join(root.path, "root/link"));
  removeTree(root.fd, "link");
  removeTree(root.fd, "missing");
  assert.deepEqual(readdirSync(join(root.path, "kept")), ["file"]);
});

test("a file is no directory", () => {
  using root = makeRoot();
  writeFileSync(join(root.path, "root/file"), "");
  assert.throws(() => openDirectoryInRoot(root.fd, "file"), { code: "ENOTDIR" });
  assert.throws(() => openDirectoryInRoot(root.fd, "file/x"), { code: "ENOTDIR" });
});

test("a path is split lexically, and not above its start", () => {
  assert.deepEqual(splitPath("./a//b/../c/"), ["a", "c"]);
  assert.deepEqual(splitPath("/"), []);
  assert.equal(splitPath("a/../../b"), undefined);
  assert.equal(splitPath(".."), undefined);
});

import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
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

test("names of any bytes are listed and opened", () => {
  using root = makeRoot();
  const name = "caf\xe9 \xff\n";
  writeFileSync(entryPath(root.fd, name), "x");
  assert.deepEqual(listDirectory(root.fd), [name, "dir"].sort());
  closeDescriptor(openInRoot(root.fd, name, constants.O_RDONLY));
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

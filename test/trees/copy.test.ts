import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, {
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { basename, join } from "node:path";
import { afterEach, mock, test } from "node:test";
import { copyContent } from "../../src/sys/copy-content.ts";
import { copyDirectory } from "../../src/trees/copy.ts";
import { isOpaque } from "../../src/trees/whiteouts.ts";
import { makeFolder } from "./fixtures.ts";

afterEach(() => {
  mock.restoreAll();
  syncBuiltinESMExports();
});

/** Has something done once each of some names has been looked at, before anything else. */
function afterLooking(actions: Record<string, (path: string) => void>, root: string): void {
  const lstat = fs.lstatSync;
  const look = (path: string, options: object) => {
    const stats = lstat(path, options);
    const name = basename(String(path));
    const action = actions[name];
    delete actions[name];
    action?.(join(root, name));
    return stats;
  };
  mock.method(fs, "lstatSync", look as typeof lstat);
  syncBuiltinESMExports();
}

test("a tree that changes while it is copied is copied without what has gone or become something else", () => {
  using folder = makeFolder();
  const [source, target] = ["source", "target"].map((name) => join(folder.path, name)) as [string, string];
  for (const path of [source, join(source, "directory"), join(source, "kept"), target]) mkdirSync(path);
  for (const name of ["file", "fifo", "link-now", "linked-1", "kept/file"])
    writeFileSync(join(source, name), name);
  linkSync(join(source, "linked-1"), join(source, "linked-2"));
  symlinkSync("kept", join(source, "link"));
  const gone = (path: string) => rmSync(path, { recursive: true });
  const instead = (make: (path: string) => void) => (path: string) => {
    gone(path);
    make(path);
  };
  const openFds = () => readdirSync("/proc/self/fd").length;
  const [from, to] = [source, target].map((path) => openSync(path, constants.O_RDONLY)) as [number, number];
  const before = openFds();
  afterLooking(
    {
      ...{ file: gone, directory: gone, link: gone, "linked-1": gone },
      "link-now": instead((path) => symlinkSync("kept", path)),
      fifo: instead((path) => execFileSync("mkfifo", [path])),
    },
    source,
  );
  copyDirectory(from, to);
  assert.equal(openFds(), before);
  for (const fd of [from, to]) closeSync(fd);
  assert.deepEqual(readdirSync(target, { recursive: true }).sort(), ["kept", "kept/file", "linked-2"]);
  assert.equal(readFileSync(join(target, "linked-2"), "utf8"), "linked-1");
});

for (const kind of ["dense", "sparse"])
  test(`a ${kind} file that shrinks while it is copied ends where it ends then`, () => {
    using folder = makeFolder();
    const [source, target] = ["source", "target"].map((name) => join(folder.path, name)) as [string, string];
    writeFileSync(source, Buffer.alloc(kind === "dense" ? 3 << 20 : 4096, 1));
    truncateSync(source, 3 << 20);
    const [from, to] = [openSync(source, "r+"), openSync(target, "w")];
    const stat = fs.fstatSync;
    const look = (fd: number) => {
      const stats = stat(fd);
      ftruncateSync(fd, 1000);
      return stats;
    };
    mock.method(fs, "fstatSync", look as typeof stat);
    syncBuiltinESMExports();
    copyContent(from, to);
    for (const fd of [from, to]) closeSync(fd);
    assert.equal(readFileSync(target).length, 1000);
  });

test("a directory that has gone hides nothing", () => {
  using folder = makeFolder();
  writeFileSync(join(folder.path, "file"), "");
  assert.equal(isOpaque(join(folder.path, "nothing")), false);
  assert.equal(isOpaque(join(folder.path, "file/below")), false);
});

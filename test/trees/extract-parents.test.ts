import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { entryPath, openInRoot } from "../../src/sys/safe-path.ts";
import { createParents, type Parents } from "../../src/trees/extract-parents.ts";

interface Tree {
  root: string;
  parents: Parents;
  /** Makes a directory and lets it be adopted, as the extraction does. */
  make(path: string[]): void;
}

function inTree(work: (tree: Tree) => void): void {
  const root = mkdtempSync(join(tmpdir(), "berth-parents-"));
  const rootFd = openSync(root, "r");
  const before = openDescriptors();
  const parents = createParents(rootFd, "");
  const make = (path: string[]) => {
    const parentFd = parents.get(path.slice(0, -1));
    const name = path.at(-1) ?? "";
    mkdirSync(entryPath(parentFd, name));
    parents.adopt(path, openInRoot(parentFd, name, constants.O_DIRECTORY | constants.O_NOFOLLOW));
    assert.deepEqual(readdirSync(entryPath(parentFd, name)), []);
  };
  try {
    work({ root, parents, make });
  } finally {
    parents.close();
    assert.equal(openDescriptors(), before);
    closeSync(rootFd);
    rmSync(root, { recursive: true });
  }
}

const openDescriptors = () => readdirSync("/proc/self/fd").length;

test("however many directories are adopted, deep ones or side by side, few are kept open", () => {
  inTree(({ make }) => {
    const before = openDescriptors();
    let most = 0;
    const deep: string[] = [];
    for (let count = 0; count < 700; count++) {
      deep.push("d");
      make(deep);
      make(["d", `beside-${count}`]);
      most = Math.max(most, openDescriptors());
    }
    assert.ok(most - before <= 2 * 128, `${most - before} were open`);
  });
});

test("what was removed is not found again under its name", () => {
  inTree(({ root, parents, make }) => {
    make(["a"]);
    renameSync(join(root, "a"), join(root, "gone"));
    parents.forget();
    make(["a"]);
    mkdirSync(entryPath(parents.get(["a"]), "new"));
    assert.deepEqual(readdirSync(join(root, "a")), ["new"]);
    assert.deepEqual(readdirSync(join(root, "gone")), []);
  });
});

test("a directory adopted twice stays open once, and the one given out last stays open", () => {
  inTree(({ root, parents, make }) => {
    make(["a"]);
    const fd = parents.get(["a"]);
    parents.adopt(["a"], openSync(join(root, "a"), "r"));
    assert.equal(parents.get(["a"]), fd);
    parents.forget();
    parents.adopt(["b"], openSync(root, "r"));
    mkdirSync(entryPath(fd, "inside"));
    assert.deepEqual(readdirSync(join(root, "a")), ["inside"]);
  });
});

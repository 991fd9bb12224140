import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCopyArgument, planCopy, renameEntry } from "../../src/cli/container/cp-path.ts";

test("a colon splits container and path, but not in what is plainly local", () => {
  assert.deepEqual(parseCopyArgument("web:/etc"), { container: "web", path: "/etc" });
  assert.deepEqual(parseCopyArgument("web:a:b"), { container: "web", path: "a:b" });
  assert.deepEqual(parseCopyArgument("/a:b"), { container: "", path: "/a:b" });
  assert.deepEqual(parseCopyArgument("./a:b"), { container: "", path: "./a:b" });
  assert.deepEqual(parseCopyArgument("-"), { container: "", path: "-" });
});

const folder = { path: "/t", exists: true, isFolder: true };
const file = { path: "/t/f", exists: true, isFolder: false };
const missing = { path: "/t/new", exists: false, isFolder: false };

test("into a folder that is there names stay", () => {
  const plan = planCopy({ path: "/s/a", isFolder: true }, folder);
  assert.deepEqual(plan, { folder: "/t", rename: undefined });
  assert.equal(renameEntry("a/b", plan), "a/b");
});

test("a source whose path has another name is called by its own", () => {
  const source = { path: "/s/real", isFolder: true, name: "link" };
  assert.equal(renameEntry("real/b", planCopy(source, folder)), "link/b");
  assert.equal(renameEntry("real/b", planCopy(source, missing)), "new/b");
});

test("what is not there is a new name beside its siblings", () => {
  const plan = planCopy({ path: "/s/a", isFolder: true }, missing);
  assert.equal(plan.folder, "/t");
  assert.deepEqual(
    ["a", "a/", "a/b/a", "ab"].map((name) => renameEntry(name, plan)),
    ["new", "new", "new/b/a", "ab"],
  );
});

test("the contents of a folder take the new name of the folder", () => {
  const plan = planCopy({ path: "/s/a/.", isFolder: true }, missing);
  assert.deepEqual(
    ["./", ".", "./b", "./b/c"].map((name) => renameEntry(name, plan)),
    ["new", "new", "new/b", "new/b/c"],
  );
});

test("a folder cannot take a file's place, and a file cannot go into a folder that is missing", () => {
  assert.throws(() => planCopy({ path: "/s/a", isFolder: true }, file), { message: "cannot copy directory" });
  assert.throws(() => planCopy({ path: "/s/a", isFolder: false }, { ...missing, path: "/t/new/" }), {
    message: "no such directory",
  });
  assert.deepEqual(planCopy({ path: "/s/a", isFolder: true }, { ...missing, path: "/t/new/" }).folder, "/t");
});

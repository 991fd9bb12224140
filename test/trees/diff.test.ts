import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { listChanges } from "../../src/trees/diff.ts";
import { measureTree } from "../../src/trees/measure.ts";

interface Layers extends Disposable {
  upper: string;
  /** Topmost first. */
  lower: string[];
  /** Runs a script in the mounted root and lists what it changed: "A /x". */
  change(script: string): string[];
}

/** Two layers below; the upper one of them deletes and replaces things of the lower. */
function makeLayers(): Layers {
  const path = mkdtempSync(join(tmpdir(), "berth-diff-"));
  const at = (name: string) => join(path, name);
  const overlay = (lower: string[], upper: string, script: string) => {
    for (const name of [upper, "work", "merged"]) mkdirSync(at(name), { recursive: true });
    const options = `lowerdir=${lower.join(":")},upperdir=${at(upper)},workdir=${at("work")},index=off,metacopy=off,redirect_dir=off`;
    execFileSync("unshare", [
      "-m",
      "sh",
      "-ec",
      `mount -t overlay overlay -o ${options} ${at("merged")}; cd ${at("merged")}; ${script}`,
    ]);
  };
  for (const name of ["base", "base/dir", "base/dir/sub", "base/gone", "base/replaced"]) mkdirSync(at(name));
  for (const name of ["file", "dir/a", "dir/sub/b", "gone/x", "replaced/old", "deleted"])
    writeFileSync(at(`base/${name}`), name);
  overlay(
    [at("base")],
    "middle",
    "rm -r gone deleted replaced; mkdir replaced; echo 1 > replaced/new; echo 2 > dir/middle",
  );
  const lower = [at("middle"), at("base")];
  return {
    upper: at("upper"),
    lower,
    change(script) {
      overlay(lower, "upper", script);
      return listChanges(at("upper"), lower).map(({ Kind, Path }) => `${"CAD"[Kind]} ${Path}`);
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  };
}

test("files that were added, changed and deleted, and the directories they are in", () => {
  const cases: [string, string[]][] = [
    ["true", []],
    ["echo x > new", ["A /new"]],
    ["mkdir -p n/m; echo x > n/m/f", ["A /n", "A /n/m", "A /n/m/f"]],
    ["echo x > dir/sub/new", ["C /dir", "C /dir/sub", "A /dir/sub/new"]],
    ["echo x >> file", ["C /file"]],
    ["rm dir/sub/b", ["C /dir", "C /dir/sub", "D /dir/sub/b"]],
    ["rm -r dir", ["D /dir"]],
    ["rm -r dir; mkdir dir; echo x > dir/a", ["C /dir", "D /dir/middle", "D /dir/sub", "C /dir/a"]],
    ["echo x > temporary; rm temporary", []],
    ["chmod 700 dir", ["C /dir"]],
    ["chown 5 file", ["C /file"]],
    ["chmod 700 dir; chmod 755 dir", []],
    ["touch gone", ["A /gone"]],
    ["mkdir gone; echo x > gone/x", ["A /gone", "A /gone/x"]],
    ["echo x > deleted", ["A /deleted"]],
    ["rm replaced/new", ["C /replaced", "D /replaced/new"]],
    ["echo x > replaced/old", ["C /replaced", "A /replaced/old"]],
    ["rm -r dir; echo file > dir", ["C /dir"]],
    ["rm file; mkdir file; echo x > file/x", ["C /file", "A /file/x"]],
    ["rm file; ln -s dir file", ["C /file"]],
    ['echo x > "$(printf "caf\\303\\251")"', ["A /café"]],
  ];
  for (const [script, changes] of cases) {
    using layers = makeLayers();
    assert.deepEqual(layers.change(script), changes, script);
  }
});

test("the size counts a file with several names once, and no directories", () => {
  using layers = makeLayers();
  layers.change("mkdir d; head -c 1000 /dev/zero > d/f; ln d/f d/g; ln -s abc l; rm file");
  assert.equal(measureTree(layers.upper).contentBytes, 1003);
});

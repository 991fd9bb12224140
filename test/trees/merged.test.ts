import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openMergedRoot } from "../../src/trees/merged.ts";
import { findMountOnTheWay } from "../../src/volumes/source-facts.ts";
import { makeFolder } from "./fixtures.ts";

/** Three layers, topmost first, each made in what shows of those below. */
function makeLayers(path: string): string[] {
  const at = (name: string) => join(path, name);
  const scripts = [
    `mkdir -p etc proc old/sub replaced data; echo low > etc/passwd; echo 1 > old/sub/file; echo 1 > replaced/hidden
     ln -s /proc mnt; ln -s old/sub rel; ln -s ../../../etc up; ln -s loop loop; ln -s /etc/passwd users; echo x > file; mknod null c 1 3`,
    "rm -r old; rm etc/passwd; rm -r replaced; mkdir replaced; echo 2 > replaced/new; ln -s /replaced/new via",
    "mkdir old; ln -s nowhere/x dangling; ln -s /data/link into",
  ];
  const layers: string[] = [];
  for (const [index, script] of scripts.entries()) {
    for (const name of [`${index}`, "work", "merged"]) mkdirSync(at(name), { recursive: true });
    const upper = at(String(index));
    if (layers.length === 0) execFileSync("sh", ["-ec", script], { cwd: upper });
    else {
      const options = `lowerdir=${layers.join(":")},upperdir=${upper},workdir=${at("work")},index=off,metacopy=off,redirect_dir=off`;
      const mount = `mount -t overlay overlay -o ${options} ${at("merged")}; cd ${at("merged")}; ${script}`;
      execFileSync("unshare", ["-m", "sh", "-ec", mount]);
    }
    layers.unshift(upper);
  }
  return layers;
}

test("paths in layers lead where they lead in an overlay of them", () => {
  using folder = makeFolder();
  using root = withClose(openMergedRoot(makeLayers(folder.path)));
  for (const [path, end] of [
    ["/mnt", "/proc"],
    ["mnt/self/attr", "/proc/self/attr"],
    ["/rel", "/old/sub"],
    ["/up/passwd", "/etc/passwd"],
    ["/users", "/etc/passwd"],
    ["/old/sub/file", "/old/sub/file"],
    ["/dangling", "/nowhere/x"],
    ["/a/../mnt/./x/..", "/proc"],
    ["/../../etc//", "/etc"],
    ["/via", "/replaced/new"],
    ["/into", "/data/link"],
    ["", "/"],
  ] as const)
    assert.equal(root.resolve(path), end, path);
  assert.throws(() => root.resolve("/loop/x"), {
    kind: "invalid",
    message: /too many levels of symbolic links/,
  });
});

test("links that lead through very many names are refused, and a deep path is not", () => {
  using folder = makeFolder();
  const layer = join(folder.path, "layer");
  const deep = "a/".repeat(1000);
  mkdirSync(join(layer, deep), { recursive: true });
  const detour = "/a/..".repeat(50);
  for (let link = 0; link < 6; link++) symlinkSync(`${detour}/l${link + 1}`, join(layer, `l${link}`));
  writeFileSync(join(layer, "l6"), "");
  using root = withClose(openMergedRoot([layer]));
  assert.equal(root.resolve("/l5"), "/l6");
  assert.throws(() => root.resolve("/l0"), { kind: "invalid", message: /too many levels of symbolic links/ });
  assert.throws(() => root.findFile("l0"), { kind: "invalid" });
  assert.equal(root.findKind(deep), "directory");
  const none = new Set(["/nowhere"]);
  assert.equal(findMountOnTheWay(join(layer, deep), none), undefined);
  const [first, second] = ["first", "second"].map((name) => join(layer, name)) as [string, string];
  symlinkSync(`${layer}${"/a/..".repeat(100)}/second`, first);
  symlinkSync(`${layer}${"/a/..".repeat(100)}/a`, second);
  assert.equal(findMountOnTheWay(second, new Set([join(layer, "a")])), join(layer, "a"));
  assert.throws(() => findMountOnTheWay(first, none), { kind: "invalid" });
});

test("files are found as they show through, and those that were deleted are not", () => {
  using folder = makeFolder();
  using root = withClose(openMergedRoot(makeLayers(folder.path)));
  const read = (path: string) => {
    const fd = root.findFile(path);
    if (fd === undefined) return undefined;
    try {
      return readFileSync(fd, "utf8").trim();
    } finally {
      closeSync(fd);
    }
  };
  for (const [path, text] of [
    ["/via", "2"],
    ["/replaced/new", "2"],
    ["/replaced/hidden", undefined],
    ["/etc/passwd", undefined],
    ["/users", undefined],
    ["/old/sub/file", undefined],
    ["/null", undefined],
    ["/etc", undefined],
    ["/file/x", undefined],
    ["/file", "x"],
  ] as const)
    assert.equal(read(path), text, path);
});

test("what is mounted counts: its links too, and what is missing in it is made", () => {
  using folder = makeFolder();
  const before = readdirSync("/proc/self/fd").length;
  {
    using root = withClose(openMergedRoot(makeLayers(folder.path)));
    const volume = join(folder.path, "volume");
    execFileSync("sh", ["-ec", `mkdir ${volume}; ln -s /proc/self ${volume}/link; echo x > ${volume}/file`]);
    root.mount("/data", volume);
    assert.equal(root.resolve("/data/link/attr"), "/proc/self/attr");
    assert.equal(root.resolve("/into"), "/proc/self");
    assert.equal(root.makeInMount("/data/a/b", "directory"), true);
    assert.equal(root.makeInMount("/data/a/c/d", "file"), true);
    root.makeInMount("/data/file/b", "directory");
    assert.equal(root.makeInMount("/elsewhere/b", "directory"), false);
    assert.equal(root.makeInMount("/replaced", "directory"), true);
    assert.deepEqual(
      ["a", "a/b", "a/c", "a/c/d"].map((name) => statSync(join(volume, name)).mode),
      [0o40755, 0o40755, 0o40755, 0o100755],
    );
    root.mount("/etc", undefined);
    assert.equal(root.makeInMount("/etc/x", "directory"), true);
    assert.deepEqual(readdirSync(volume).sort(), ["a", "file", "link"]);
  }
  assert.equal(readdirSync("/proc/self/fd").length, before);
});

function withClose<T extends { close(): void }>(root: T): T & Disposable {
  return Object.assign(root, { [Symbol.dispose]: () => root.close() });
}

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { digestOf } from "../../src/formats/digest.ts";
import { getXattr, listXattrs } from "../../src/sys/xattr.ts";
import {
  createContent,
  makeFolder,
  quickSettings,
  serveContent,
  startServer,
} from "../distribution/fixtures.ts";
import { type Member, makeTar, openStore } from "./fixtures.ts";
import { addImage, pull } from "./pull-fixtures.ts";

const capability = Buffer.from("0000000200200000000000000000000000000000", "hex");
const time = (seconds: number, nanoseconds = 0) => ({ seconds, nanoseconds });
const long = "long-".repeat(45);

const base: Member[] = [
  { name: "./", type: "directory", mode: 0o755 },
  { name: "bin/", mode: 0o755 },
  { name: "bin/su", mode: 0o4755, data: "su", mtime: time(1_000_000_000, 5_000) },
  {
    name: "bin/ping",
    data: "ping",
    mode: 0o755,
    xattrs: new Map([
      ["security.capability", capability],
      ["user.note", Buffer.from([0, 255, 10])],
    ]),
  },
  { name: "bin/sh", type: "link", linkName: "bin/su" },
  {
    name: "bin/link",
    type: "symlink",
    linkName: "../bin/nowhere",
    uid: 5,
    gid: 6,
    mtime: time(1_100_000_000),
  },
  { name: "dev/", mode: 0o755 },
  { name: "dev/null", type: "characterDevice", deviceMajor: 1, deviceMinor: 3, mode: 0o666 },
  { name: "dev/loop", type: "blockDevice", deviceMajor: 7, deviceMinor: 300, mode: 0o660, gid: 6 },
  { name: "dev/pipe", type: "fifo", mode: 0o600, uid: 1 },
  { name: "tmp/", mode: 0o1777, mtime: time(1_200_000_000) },
  { name: "deep/", mode: 0o755 },
  { name: `deep/${long}/`, mode: 0o750 },
  { name: `deep/${long}/${long}/`, mode: 0o705 },
  { name: `deep/${long}/${long}/${long}`, data: "deep" },
  { name: "names/", mode: 0o755 },
  { name: "names/caf\u00e9-latin1", data: "not UTF-8" },
  { name: "names/\u00ff\u00fe", data: "bytes" },
  { name: "names/with\nline and \\ and 'quotes\"", data: "odd" },
  { name: "owned/", mode: 0o2750, uid: 65_534, gid: 3_000_000 },
  { name: "owned/file", data: "x", uid: 4_000_000_000, gid: 1, mtime: time(-1000) },
  { name: "whole/", mode: 0o700 },
  { name: "whole/a", data: "a" },
  { name: "whole/sub/", mode: 0o755 },
  { name: "whole/sub/b", data: "b" },
  { name: "gone/", mode: 0o755 },
  { name: "gone/dir/", mode: 0o755 },
  { name: "gone/dir/file", data: "file" },
  { name: "gone/one", data: "one" },
  { name: "turns-file/", mode: 0o755 },
  { name: "turns-file/inside", data: "inside" },
  { name: "turns-directory", data: "file" },
  { name: "opaque/", mode: 0o755 },
  { name: "opaque/old", data: "old", mtime: time(1_300_000_000) },
  { name: "big", data: Buffer.alloc(3_000_000, "big") },
  { name: "empty", data: "" },
];

// Whatever a layer touches, it has the directory of, as all that make images do.
const changes: Member[] = [
  { name: "./", type: "directory", mode: 0o755 },
  { name: "gone/", mode: 0o755 },
  { name: "gone/.wh.dir", data: "" },
  { name: "gone/.wh.one", data: "" },
  { name: ".wh.whole", data: "" },
  { name: "opaque/", mode: 0o711, mtime: time(1_400_000_000) },
  { name: "opaque/.wh..wh..opq", data: "" },
  { name: "opaque/new", data: "new" },
  { name: "turns-file", data: "now a file", mode: 0o640 },
  { name: ".wh.turns-directory", data: "" },
  { name: "turns-directory/", mode: 0o755 },
  { name: "turns-directory/inside", data: "now a directory" },
  { name: "bin/", mode: 0o511, uid: 7 },
  { name: "bin/su", mode: 0o755, data: "no longer setuid" },
  { name: "bin/again", type: "link", linkName: "bin/su" },
];

const last: Member[] = [
  { name: "./", type: "directory", mode: 0o755 },
  { name: "gone/", mode: 0o755 },
  { name: "bin/", mode: 0o511, uid: 7 },
  { name: "whole/", mode: 0o755, uid: 9 },
  { name: "whole/c", data: "c" },
  { name: "gone/dir", type: "symlink", linkName: "/bin" },
  { name: "bin/.wh.sh", data: "" },
];

/** Everything that can be told of a tree, by path; hard links by the first name of their file. */
function describeTree(root: string): Record<string, string> {
  const tree: Record<string, string> = {};
  const inodes = new Map<number, string>();
  const walk = (name: Buffer) => {
    const path = Buffer.concat([Buffer.from(`${root}/`), name]);
    const stat = lstatSync(path);
    const shown = name.toString("latin1");
    const own = stat.isDirectory() ? "" : (inodes.get(stat.ino) ?? shown);
    if (!inodes.has(stat.ino)) inodes.set(stat.ino, shown);
    const xattrs = listXattrs(path)
      .filter((one) => !one.startsWith("trusted.overlay."))
      .sort()
      .map((one) => `${one}=${getXattr(path, one)?.toString("hex")}`);
    tree[shown] = [
      stat.mode.toString(8),
      `${stat.uid}:${stat.gid}`,
      stat.isDirectory() ? "" : stat.size,
      stat.mtimeMs,
      stat.isBlockDevice() || stat.isCharacterDevice() ? stat.rdev : "",
      stat.isSymbolicLink() ? readlinkSync(path, "buffer").toString("latin1") : "",
      stat.isFile() ? digestOf(readFileSync(path)) : "",
      own,
      ...xattrs,
    ].join(" ");
    if (!stat.isDirectory()) return;
    for (const child of readdirSync(path, { encoding: "buffer" }).sort(Buffer.compare))
      walk(Buffer.concat([name, ...(name.length > 0 ? [Buffer.from("/")] : []), child]));
  };
  walk(Buffer.alloc(0));
  return tree;
}

test("what is pulled and unpacked is what umoci unpacks, file by file and attribute by attribute", async () => {
  using folder = makeFolder();
  const content = createContent();
  addImage(content, "1", [
    { tar: makeTar(base) },
    { tar: makeTar(changes), compression: "none" },
    { tar: makeTar(last) },
  ]);
  await using server = await startServer(serveContent(content));
  await using store = await openStore(quickSettings());
  const name = `${server.host}/x:1`;
  await pull(store.images, name);
  const layout = join(folder.path, "layout");
  const run = promisify(execFile);
  await run("skopeo", ["copy", "--src-tls-verify=false", `docker://${name}`, `oci:${layout}:1`]);
  await run("umoci", ["unpack", "--image", `${layout}:1`, join(folder.path, "bundle")]);
  const merged = join(folder.path, "merged");
  mkdirSync(merged);
  const lower = store.images.lowerDirectories(store.images.getImage(name)).join(":");
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", `ro,lowerdir=${lower}`, merged]);
  try {
    const [ours, theirs] = [describeTree(merged), describeTree(join(folder.path, "bundle/rootfs"))];
    assert.deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort());
    for (const path of Object.keys(theirs)) assert.equal(ours[path], theirs[path], path);
    assert.ok(Object.keys(ours).length > 30);
  } finally {
    execFileSync("umount", [merged]);
  }
});

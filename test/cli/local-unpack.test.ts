import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, test } from "node:test";
import { packLocal } from "../../src/cli/container/local-pack.ts";
import { unpackLocal } from "../../src/cli/container/local-unpack.ts";
import { paddingAfter, type TarEntry } from "../../src/formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../src/formats/tar/tar-writer.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), "berth-cp-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const inside = (...names: string[]) => path.join(root, ...names);
type Entry = Partial<TarEntry> & { name: string; body?: string };

function bytesOf(entries: readonly Entry[]): Buffer {
  const common = {
    type: "file",
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime: { seconds: 1, nanoseconds: 0 },
  } as const;
  const blocks = entries.map(({ body = "", ...entry }) => {
    const data = Buffer.from(body);
    const header = encodeEntry({ ...common, ...entry, sizeBytes: data.length });
    return Buffer.concat([header, data, Buffer.alloc(paddingAfter(data.length))]);
  });
  return Buffer.concat([...blocks, archiveEnd]);
}

const tarOf = (...entries: Entry[]) => Readable.from([bytesOf(entries)], { objectMode: false });

const unpack = (...entries: Entry[]) => {
  mkdirSync(inside("to"));
  return unpackLocal(tarOf(...entries), { folder: inside("to"), rename: undefined });
};

test("a tree comes back as it was: contents, modes, times, links", async () => {
  mkdirSync(inside("from/sub"), { recursive: true });
  mkdirSync(inside("to"));
  writeFileSync(inside("from/sub/file"), "x".repeat(100_000), { mode: 0o640 });
  writeFileSync(inside("from/empty"), "");
  writeFileSync(Buffer.concat([Buffer.from(inside("from/")), Buffer.from([0xe9])]), "not UTF-8");
  symlinkSync("../elsewhere", inside("from/link"));
  utimesSync(inside("from/sub"), 1_000_000, 1_000_000);
  const plan = { folder: inside("to"), rename: { from: "from", to: "copy" } };
  const { tar, packed } = packLocal(inside("from"), plan);
  const sizeBytes = await unpackLocal(tar, { folder: inside("to"), rename: undefined });
  assert.equal(sizeBytes, 100_009);
  assert.equal(packed.sizeBytes, 100_009);
  const odd = Buffer.concat([Buffer.from(inside("to/copy/")), Buffer.from([0xe9])]);
  assert.equal(readFileSync(odd, "utf8"), "not UTF-8");
  assert.equal(readFileSync(inside("to/copy/sub/file"), "utf8").length, 100_000);
  assert.equal(statSync(inside("to/copy/sub/file")).mode & 0o777, 0o640);
  assert.equal(statSync(inside("to/copy/empty")).size, 0);
  assert.equal(readlinkSync(inside("to/copy/link")), "../elsewhere");
  assert.equal(statSync(inside("to/copy/sub")).mtimeMs, 1_000_000_000);
});

test("names with dots do not lead out of the folder", async () => {
  await unpack({ name: "../../evil", body: "x" }, { name: "/abs", body: "y" });
  assert.ok(!existsSync(inside("evil")));
  assert.ok(existsSync(inside("to/evil")));
  assert.ok(existsSync(inside("to/abs")));
});

test("nothing is written through a link that leads out", async () => {
  mkdirSync(inside("victim"));
  const evil: Entry[] = [
    { name: "link", type: "symlink", linkName: inside("victim") },
    { name: "link/file", body: "x" },
  ];
  await assert.rejects(unpack(...evil), /leads out of/);
  assert.ok(!existsSync(inside("victim/file")));
  const deep: Entry[] = [
    { name: "other", type: "symlink", linkName: "../victim" },
    { name: "other/new/file", body: "x" },
  ];
  await assert.rejects(
    unpackLocal(tarOf(...deep), { folder: inside("to"), rename: undefined }),
    /leads out of/,
  );
  assert.ok(!existsSync(inside("victim/new")));
});

test("a link in the place of a file is replaced, not followed", async () => {
  writeFileSync(inside("victim"), "safe");
  await unpack({ name: "f", type: "symlink", linkName: inside("victim") }, { name: "f", body: "evil" });
  assert.equal(readFileSync(inside("victim"), "utf8"), "safe");
  assert.equal(readFileSync(inside("to/f"), "utf8"), "evil");
});

test("a hard link cannot take in a file from outside", async () => {
  writeFileSync(inside("secret"), "secret");
  await assert.rejects(unpack({ name: "stolen", type: "link", linkName: inside("secret") }));
  assert.ok(!existsSync(inside("to/stolen")));
});

test("the contents of a folder leave the one they come to as it was", async () => {
  mkdirSync(inside("to"), { mode: 0o750 });
  utimesSync(inside("to"), 1_000_000, 1_000_000);
  const folder: Entry = { name: "./", type: "directory", mode: 0o777, mtime: { seconds: 5, nanoseconds: 0 } };
  await unpackLocal(tarOf(folder, { name: "./f", body: "x" }), { folder: inside("to"), rename: undefined });
  const { mode, mtimeMs } = statSync(inside("to"));
  assert.equal(mode & 0o777, 0o750);
  assert.notEqual(mtimeMs, 5000);
  assert.equal(readFileSync(inside("to/f"), "utf8"), "x");
});

test("a folder is not overwritten with a file, nor a file with a folder", async () => {
  await assert.rejects(
    unpack({ name: "a", type: "directory" }, { name: "a", body: "x" }),
    /cannot overwrite directory/,
  );
  rmSync(inside("to"), { recursive: true });
  await assert.rejects(
    unpack({ name: "a", body: "x" }, { name: "a", type: "directory" }),
    /cannot overwrite non-directory/,
  );
});

test("a truncated archive is an error", async () => {
  mkdirSync(inside("to"));
  const cut = Readable.from([bytesOf([{ name: "f", body: "x".repeat(5000) }]).subarray(0, 2000)], {
    objectMode: false,
  });
  await assert.rejects(unpackLocal(cut, { folder: inside("to"), rename: undefined }));
});

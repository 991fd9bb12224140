import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, it } from "node:test";
import { gzipSync } from "node:zlib";
import { createArchivedTree } from "../../src/build/context/archived-tree.ts";
import {
  type ArchiveWishes,
  type ContextStore,
  openContextStore,
} from "../../src/build/context/context-store.ts";
import { type SourceTree, walkSource } from "../../src/build/context/source-tree.ts";
import { openStoredTree } from "../../src/build/context/stored-tree.ts";
import { paddingAfter, type TarEntry } from "../../src/formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../src/formats/tar/tar-writer.ts";
import { eventually } from "../engine.ts";
import { makeSmallDisk } from "../small-disk.ts";

let root: string;
let store: ContextStore;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "berth-contexts-"));
  store = openContextStore(root);
});
afterEach(async () => {
  await store.close();
  await removeRoot();
});
/** Folders may be on their way out, which ends the removal early. */
const removeRoot = () =>
  eventually(
    () => {
      rmSync(root, { recursive: true, force: true });
      return existsSync(root);
    },
    (isThere) => !isThere,
  );

interface Member extends Partial<TarEntry> {
  name: string;
  content?: string | Buffer;
}

function archive(...members: Member[]): Buffer {
  const parts = members.flatMap(({ content = "", ...entry }) => {
    const body = Buffer.from(content as string);
    const usual = {
      type: "file" as const,
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: { seconds: 1, nanoseconds: 0 },
    };
    const header = encodeEntry({ ...usual, sizeBytes: body.length, ...entry });
    return [header, body, Buffer.alloc(paddingAfter(body.length))];
  });
  return Buffer.concat([...parts, archiveEnd]);
}

async function* inPieces(bytes: Buffer, pieceBytes = 10_000): AsyncGenerator<Buffer> {
  for (let begin = 0; begin < bytes.length; begin += pieceBytes)
    yield bytes.subarray(begin, begin + pieceBytes);
}

const nothing: ArchiveWishes = { subdir: "", wanted: [], mayBeIgnored: [] };

function unpack(bytes: Buffer | AsyncIterable<Buffer>, wishes: Partial<ArchiveWishes> = {}, key = "key") {
  const chunks = Buffer.isBuffer(bytes) ? inPieces(bytes) : bytes;
  return store.unpack(key, chunks, { ...nothing, ...wishes }, new AbortController().signal);
}

/** What is in a tree, as "path: content". */
function show(path: string): string[] {
  return look(path, (tree) =>
    [...walkSource(tree, "")].map((entry) =>
      entry.type === "file" ? `${entry.path}: ${readIn(tree, entry.path)}` : `${entry.path}: ${entry.type}`,
    ),
  );
}

function look<R>(path: string, use: (tree: SourceTree) => R): R {
  const tree = openStoredTree(path);
  try {
    return use(tree);
  } finally {
    tree.close();
  }
}

function readIn(tree: SourceTree, path: string): string {
  let text = "";
  for (const piece of tree.read(path)) text += piece.toString();
  return text;
}

const files = () =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map(({ name, parentPath }) => {
      const path = join(parentPath, name);
      // It may be on its way out.
      return { name, sizeBytes: statSync(path, { throwIfNoEntry: false })?.size ?? 0 };
    });
const packedBytes = () =>
  files()
    .filter(({ name }) => name.startsWith("pack-"))
    .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
const filesAre = (count: number) =>
  eventually(
    () => files().length,
    (found) => found === count,
  );

const large = (letter: string) => Buffer.alloc(3_000_000, letter);

it("what an archive has in common with the last one is not stored again, and what is gone is gone", async () => {
  const first = await unpack(
    archive(
      { name: "small", content: "one" },
      { name: "gone", content: "two" },
      { name: "large", content: large("a") },
    ),
  );
  assert.deepEqual(show(first.path).slice(0, 1), ["gone: two"]);
  assert.equal(packedBytes(), 3_000_006);
  const before = packedBytes();
  const changed = Buffer.concat([large("a").subarray(1), Buffer.from("b")]);
  const second = await unpack(
    archive(
      { name: "large", content: changed },
      { name: "new/file", content: "3" },
      { name: "small", content: "one" },
    ),
  );
  assert.deepEqual(
    show(second.path).map((line) => line.slice(0, 20)),
    ["large: aaaaaaaaaaaaa", "new: directory", "new/file: 3", "small: one"],
  );
  assert.equal(
    look(second.path, (tree) => readIn(tree, "large")),
    changed.toString(),
  );
  assert.equal(packedBytes(), before + 3_000_000 + 1);
  first.release();
  const third = await unpack(archive({ name: "large", content: changed }, { name: "small", content: "ONE" }));
  second.release();
  assert.deepEqual(show(third.path).slice(1), ["small: ONE"]);
  await eventually(packedBytes, (bytes) => bytes === 3_000_000 + 3);
  third.release();
});

it("content of the same size that differs anywhere is the archive's own", async () => {
  (await unpack(archive({ name: "f", content: large("a") }))).release();
  for (const at of [0, 1, 262_143, 262_144, 1_500_000, 2_999_999]) {
    const content = large("a");
    content[at] = 0x62;
    const tree = await unpack(archive({ name: "f", content }));
    assert.equal(
      look(tree.path, (one) => readIn(one, "f")),
      content.toString(),
      `at ${at}`,
    );
    tree.release();
  }
});

it("a change of mode, owner, time or attributes alone is seen, and stores no content", async () => {
  const plain = { name: "f", content: large("a") };
  (await unpack(archive(plain))).release();
  const before = packedBytes();
  const changes: Partial<TarEntry>[] = [
    { mode: 0o4755 },
    { uid: 5 },
    { gid: 7 },
    { mtime: { seconds: 5, nanoseconds: 0 } },
    { xattrs: new Map([["user.x", Buffer.from("y")]]) },
  ];
  for (const change of changes) {
    const { path, release } = await unpack(archive({ ...plain, ...change }));
    const found = look(path, (tree) => tree.find("f"));
    assert.deepEqual({ ...found, ...change }, found);
    assert.equal(packedBytes(), before);
    release();
  }
});

it("names of one file are names of one file, and a later entry takes an earlier one's place", async () => {
  const { path, release } = await unpack(
    archive(
      { name: "a", content: "1" },
      { name: "b", type: "link", linkName: "a" },
      { name: "d/x", content: "x" },
      { name: "d", content: "a file now" },
      { name: "l", type: "symlink", linkName: "/real" },
      { name: "real/", type: "directory" },
      { name: "l/through", content: "by the link" },
    ),
  );
  assert.deepEqual(show(path), [
    ...["a: 1", "b: 1", "d: a file now", "l: symlink", "real: directory", "real/through: by the link"],
  ]);
  const [a, b] = look(path, (tree) => ["a", "b"].map((name) => tree.find(name)?.identity));
  assert.deepEqual([a, b], ["0", "0"]);
  release();
});

it("an archive that leads outside, or is broken, is refused, and what was stored before stays", async () => {
  (await unpack(archive({ name: "f", content: "kept" }))).release();
  const before = files();
  const hostile: [Member[], RegExp][] = [
    [[{ name: "../x", content: "x" }], /path escapes the root/],
    [[{ name: "a/../../x", content: "x" }], /path escapes the root/],
    [[{ name: "l", type: "link", linkName: "../../etc/passwd" }], /links to something outside/],
    [[{ name: "l", type: "link", linkName: "etc/passwd" }], /no such file or directory/],
    [[{ name: "f/x/y" }, { name: "f/x/y/z" }], /not a directory/],
    [
      [
        { name: "a", type: "symlink", linkName: "b" },
        { name: "b", type: "symlink", linkName: "a" },
        { name: "a/x" },
      ],
      /too many levels/,
    ],
    [
      [
        { name: "s", type: "symlink", linkName: "../../../etc" },
        { name: "s/passwd", content: "x" },
      ],
      /no such file/,
    ],
    [[{ name: "d/".repeat(600) }], /file name too long/],
    [[{ name: "n".repeat(256) }], /file name too long/],
  ];
  for (const [members, message] of hostile)
    await assert.rejects(unpack(archive({ name: "big", content: large("x") }, ...members)), {
      kind: "invalid",
      message,
    });
  const whole = archive({ name: "big", content: large("x") });
  await assert.rejects(unpack(whole.subarray(0, 2_000_000)), /truncated/);
  await assert.rejects(
    unpack(Buffer.concat([gzipSync(whole).subarray(0, 1000), Buffer.alloc(3000)])),
    /invalid/,
  );
  await eventually(files, (now) => JSON.stringify(now) === JSON.stringify(before));
  const again = await unpack(archive({ name: "f", content: "kept" }));
  assert.equal(packedBytes(), 4);
  again.release();
});

it("holes take no room, however large the file is", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-sparse-"));
  try {
    const made = spawnSync("sh", ["-c", "truncate -s 8T huge && echo end >>huge && tar -cS huge"], {
      cwd: folder,
      maxBuffer: 1 << 24,
    });
    assert.equal(made.status, 0, String(made.stderr));
    const { path, release } = await unpack(made.stdout);
    const entry = look(path, (tree) => tree.find("huge"));
    assert.equal(entry?.sizeBytes, 8 * 1024 ** 4 + 4);
    assert.equal(
      look(path, (tree) => tree.contentDigest("huge")),
      undefined,
    );
    release();
    const small = await unpack(
      spawnSync("sh", ["-c", "truncate -s 9000 s && echo x >>s && tar -cS s"], { cwd: folder }).stdout,
    );
    assert.equal(
      look(small.path, (tree) => readIn(tree, "s")),
      `${"\0".repeat(9000)}x\n`,
    );
    small.release();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("small files that are all hole take no room either, and those after them are whole", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-sparse-"));
  try {
    const script = "for n in $(seq 40); do truncate -s 400K s$n; done && echo x >t && tar -cS --sort=name *";
    const made = spawnSync("sh", ["-c", script], { cwd: folder, maxBuffer: 1 << 24 });
    assert.equal(made.status, 0, String(made.stderr));
    const { path, release } = await unpack(made.stdout);
    look(path, (tree) => {
      assert.equal(readIn(tree, "s7"), "\0".repeat(400 * 1024));
      assert.equal(readIn(tree, "t"), "x\n");
    });
    const used = spawnSync("du", ["-sk", root], { encoding: "utf8" }).stdout;
    assert.ok(Number.parseInt(used, 10) < 1024, used);
    release();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("a path that leads through too many names is refused, and one through many is not", async () => {
  const links = (count: number, target: string): Member[] => [
    { name: "a/", type: "directory" },
    ...Array.from({ length: count }, (_, number): Member => {
      const next = number + 1 < count ? `l${number + 1}` : "a";
      return { name: `l${number}`, type: "symlink", linkName: `${target}${next}` };
    }),
    { name: "l0/x", content: "x" },
  ];
  await assert.rejects(unpack(archive(...links(39, "a/../".repeat(800)))), {
    kind: "invalid",
    message: /failed to extract "l0\/x": file name too long/,
  });
  const { path, release } = await unpack(archive(...links(39, "a/../".repeat(20))));
  assert.deepEqual(show(path).slice(0, 2), ["a: directory", "a/x: x"]);
  release();
});

it("one that waits for others that do not go on can be given up", async () => {
  const bytes = archive({ name: "f", content: "f" });
  const others = new AbortController();
  const gate = Promise.withResolvers<void>();
  const slow = Array.from({ length: 32 }, (_, number) =>
    store.unpack(
      `slow-${number}`,
      (async function* () {
        yield bytes.subarray(0, 512);
        await gate.promise;
      })(),
      nothing,
      others.signal,
    ),
  );
  const ends = Promise.allSettled(slow);
  const stop = new AbortController();
  const waiting = store.unpack("key", inPieces(bytes), nothing, stop.signal);
  const isRefused = assert.rejects(waiting, /not any more/);
  await new Promise((resolve) => setTimeout(resolve, 50));
  stop.abort(new Error("not any more"));
  await isRefused;
  others.abort(new Error("enough"));
  assert.deepEqual(new Set((await ends).map(({ status }) => status)), new Set(["rejected"]));
  gate.resolve();
  (await unpack(bytes)).release();
});

it("packs hold no more than twice what is used, and all that they hold is counted", async () => {
  const count = 10;
  const build = (round: number) =>
    archive(
      ...Array.from({ length: count }, (_, number) => ({
        name: `f${number}`,
        content: Buffer.alloc(100_000, `${Math.min(number, round)};`),
      })),
    );
  for (let round = 0; round < count; round++) (await unpack(build(round))).release();
  await eventually(packedBytes, (bytes) => bytes <= 2 * count * 100_000);
  const all = packedBytes();
  assert.ok(all > count * 100_000, "no pack keeps what is not used: nothing is tried here");
  const [kept] = await store.list();
  assert.equal(kept?.sizeBytes, all);
});

it("holes are not counted as room", async () => {
  const made = spawnSync("sh", ["-c", "truncate -s 1G h && tar -cS h && rm h"], { cwd: root });
  assert.equal(made.status, 0, String(made.stderr));
  (await unpack(made.stdout)).release();
  const [kept] = await store.list();
  assert.ok((kept?.sizeBytes ?? 1e9) < 1e6);
});

it("a list longer than what is read at a time, in any bytes, is what it was", async () => {
  const members = Array.from({ length: 3000 }, (_, number) => ({
    name: Buffer.from(`ö\n"\\\u0001 ${number}`).toString("latin1"),
    content: `${number}`,
  }));
  (await unpack(archive(...members))).release();
  const before = packedBytes();
  const { path, release } = await unpack(archive(...members));
  const names = look(path, (tree) => [...walkSource(tree, "")].map((entry) => entry.path));
  assert.deepEqual(names, members.map(({ name }) => name).sort());
  assert.equal(packedBytes(), before);
  release();
});

it("where the last list or its content cannot be read, all is stored again", async () => {
  const first = await unpack(archive({ name: "f", content: "1" }));
  writeFileSync(first.path, '{"path": "f", "cont');
  first.release();
  const second = await unpack(archive({ name: "f", content: "1" }));
  assert.deepEqual(show(second.path), ["f: 1"]);
  second.release();
  await filesAre(2);
  const [pack = ""] = readdirSync(dirname(second.path)).filter((name) => name.startsWith("pack-"));
  rmSync(join(dirname(second.path), pack));
  const { path, release } = await unpack(archive({ name: "f", content: "1" }));
  assert.deepEqual(show(path), ["f: 1"]);
  release();
});

it("a list is bounded by what it takes when it is written", () => {
  const tree = createArchivedTree(1);
  const about = { type: "file", mode: 0, uid: 0, gid: 0, sizeBytes: 0 } as const;
  const directory = `${"\u0001".repeat(250)}/`.repeat(15);
  const fill = (count: number) => {
    for (let number = 0; number < count; number++)
      tree.take({ name: `${directory}${number}`, ...about, mtime: { seconds: 1, nanoseconds: 0 } });
  };
  assert.throws(() => fill(12_500), { kind: "invalid", message: /list is larger than 268435456 bytes/ });
});

it("is compressed or not, or a Dockerfile alone", async () => {
  const bytes = archive({ name: "sub/f", content: "f" });
  for (const one of [bytes, gzipSync(bytes)]) {
    const tree = await unpack(one);
    assert.deepEqual(show(tree.path), ["sub: directory", "sub/f: f"]);
    tree.release();
  }
  const old = await unpack(withoutMagic(bytes));
  assert.deepEqual(show(old.path), ["sub: directory", "sub/f: f"]);
  old.release();
  for (const text of ["FROM scratch\n", "", `FROM scratch\n${"#".repeat(5000)}\n`]) {
    const alone = await unpack(Buffer.from(text), { wanted: ["Dockerfile"] });
    assert.deepEqual(show(alone.path), [`Dockerfile: ${text}`]);
    assert.deepEqual(alone.files, [["Dockerfile", text]]);
    alone.release();
  }
  await assert.rejects(unpack(Buffer.alloc(5_000_000, "x")), /Dockerfile is too large/);
});

/** As tar of the seventh edition of Unix wrote it: the checksum is all that tells it. */
function withoutMagic(bytes: Buffer): Buffer {
  const old = Buffer.from(bytes);
  old.fill(0, 257, 512);
  old.fill(" ", 148, 156);
  const sum = old.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  old.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return old;
}

it("gives small files, leaves out what is ignored, and may be a part of the archive", async () => {
  const members = [
    { name: "in/Dockerfile", type: "symlink" as const, linkName: "/real" },
    { name: "in/real", content: "FROM x" },
    { name: "in/.dockerignore", content: "real\n.dockerignore\nkept\n" },
    { name: "in/kept", content: "k" },
    { name: "Dockerfile", content: "another" },
  ];
  const wanted = ["Dockerfile", "absent", "in"];
  const part = await unpack(archive(...members), {
    subdir: "in",
    wanted,
    mayBeIgnored: [".dockerignore", "real"],
  });
  assert.deepEqual(part.files, [["Dockerfile", "FROM x"]]);
  assert.deepEqual(show(part.path), ["Dockerfile: symlink", "kept: k"]);
  part.release();
  await assert.rejects(unpack(archive(...members), { subdir: "../etc" }), /etc: no such directory/);
  const big = { name: "Dockerfile", content: large("x") };
  const larger = { ...big, content: Buffer.alloc(5_000_000) };
  (await unpack(archive(big), { wanted })).release();
  await assert.rejects(unpack(archive(larger), { wanted }), /Dockerfile is too large/);
});

it("two come at once by one key, each what it was sent", async () => {
  (await unpack(archive({ name: "f", content: large("0") }))).release();
  const gate = Promise.withResolvers<void>();
  const slowBytes = archive({ name: "f", content: large("a") });
  const slow = unpack(
    (async function* () {
      yield slowBytes.subarray(0, 1_000_000);
      await gate.promise;
      yield slowBytes.subarray(1_000_000);
    })(),
  );
  const quick = await unpack(archive({ name: "f", content: large("b") }));
  gate.resolve();
  const late = await slow;
  const contentOf = (path: string) => look(path, (tree) => readIn(tree, "f"));
  assert.equal(contentOf(quick.path), large("b").toString());
  assert.equal(contentOf(late.path), large("a").toString());
  quick.release();
  late.release();
  await filesAre(2);
});

it("one that breaks off, or is given up, leaves nothing", async () => {
  const bytes = archive({ name: "f", content: large("a") });
  async function* broken() {
    yield bytes.subarray(0, 1_000_000);
    throw new Error("it broke");
  }
  await assert.rejects(unpack(broken()), /it broke/);
  const stop = new AbortController();
  async function* endless() {
    yield bytes.subarray(0, 1_000_000);
    stop.abort(new Error("enough"));
    await new Promise(() => {});
  }
  await assert.rejects(store.unpack("key", endless(), nothing, stop.signal), /enough/);
  await filesAre(0);
});

it("on a full disk says so, leaves nothing, and the next one that fits is taken", async () => {
  await using disk = makeSmallDisk(5);
  const small = openContextStore(disk.path);
  try {
    const take = (bytes: Buffer) =>
      small.unpack("key", inPieces(bytes), nothing, new AbortController().signal);
    (await take(archive({ name: "f", content: large("a") }))).release();
    const more = [1, 2, 3].map((number) => ({ name: `${number}`, content: large("b") }));
    await assert.rejects(take(archive(...more)), /no space left on device/);
    const { path, release } = await take(
      archive({ name: "f", content: large("a") }, { name: "g", content: "g" }),
    );
    assert.deepEqual(show(path).slice(1), ["g: g"]);
    release();
  } finally {
    await small.close();
  }
});

it("is found again by the next daemon, and what a killed one was storing is not", async () => {
  (await unpack(archive({ name: "f", content: large("a") }))).release();
  await store.close();
  const [folder = ""] = readdirSync(root).flatMap((boot) =>
    readdirSync(join(root, boot)).map((name) => join(root, boot, name)),
  );
  for (const name of ["pack-0123456789abcdef01234567-0", "draft-0123456789abcdef01234567-1"])
    writeFileSync(join(folder, name), "half");
  store = openContextStore(root);
  const again = await unpack(archive({ name: "f", content: large("a") }));
  assert.equal(
    look(again.path, (tree) => readIn(tree, "f")),
    large("a").toString(),
  );
  again.release();
  await filesAre(2);
});

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { encodeStored } from "../../src/build/context/stored-tree.ts";
import type { FilesJob, FilesResult } from "../../src/build/solve/files.worker.ts";
import { createJobRunner } from "../../src/sys/jobs.ts";

test("work on a file without end stops when it is no longer wanted", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-files-worker-"));
  const endless = join(folder, "tree/endless");
  mkdirSync(join(folder, "tree"));
  writeFileSync(endless, "");
  // Sparse: it takes hours to read, and no room.
  truncateSync(endless, 8 * 1024 ** 4);
  const runner = createJobRunner<FilesJob, FilesResult>("build/solve/files.worker", 1);
  const whole = { pattern: "", hasWildcards: false };
  const read = (path: string, signal?: AbortSignal) =>
    runner.run(
      {
        ...{ kind: "checksum", mountpoint: join(folder, "m"), selections: [[whole]], exclude: [] },
        source: { kind: "folder", path },
      },
      signal,
    );
  try {
    mkdirSync(join(folder, "small"));
    const before = await read(join(folder, "small"));
    const stop = new AbortController();
    const reading = assert.rejects(read(join(folder, "tree"), stop.signal), { message: "enough" });
    stop.abort(new Error("enough"));
    await reading;
    assert.equal(await read(join(folder, "small")), before);
  } finally {
    await runner.close();
    rmSync(folder, { recursive: true });
  }
});

test("several parts of a tree are looked at in one job, and a list that was read is not read again for the next", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-files-worker-"));
  const list = join(folder, "tree");
  const pack = join(folder, "pack");
  writeFileSync(pack, "ab");
  const about = { type: "file", mode: 0o644, uid: 0, gid: 0, sizeBytes: 1 } as const;
  const lines = ["a", "b"].map((path, offset) =>
    encodeStored({ path, ...about, mtime: { seconds: 1, nanoseconds: 0 }, content: { pack, offset } }),
  );
  writeFileSync(list, lines.join(""));
  const runner = createJobRunner<FilesJob, FilesResult>("build/solve/files.worker", 1);
  const select = (pattern: string) => [{ pattern, hasWildcards: false }];
  const read = (...patterns: string[]) =>
    runner.run({
      ...{ kind: "checksum", mountpoint: "", selections: patterns.map(select), exclude: [] },
      source: { kind: "stored", path: list },
    });
  try {
    const [a, b] = [await read("a"), await read("b")];
    assert.notEqual(a, b);
    assert.deepEqual((await read("b", "a")).split("\n"), [b, a]);
    rmSync(list);
    assert.equal(await read("a"), a);
  } finally {
    await runner.close();
    rmSync(folder, { recursive: true });
  }
});

test("parts of one tree are copied in one job, in their order", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-files-worker-"));
  for (const name of ["one", "other", "upper"]) mkdirSync(join(folder, name));
  for (const name of ["one", "other"])
    for (const file of ["x", "y"]) writeFileSync(join(folder, name, file), `${file} of ${name}`);
  const runner = createJobRunner<FilesJob, FilesResult>("build/solve/files.worker", 1);
  const [one, other] = ["one", "other"].map((name) => ({
    kind: "folder" as const,
    path: join(folder, name),
  }));
  const action = (source: typeof one, pattern: string) => ({
    ...{ source: source as NonNullable<typeof one>, selections: [{ pattern, hasWildcards: false }] },
    ...{ destination: "/", exclude: [], parents: false, unpack: "never" as const },
  });
  const target = { lower: [], upper: join(folder, "upper"), work: "" };
  try {
    await runner.run({
      ...{ kind: "copy", mountpoints: { target: "", source: "" }, target },
      actions: [action(one, "x"), action(one, "y"), action(other, "x"), action(one, "y")],
    });
    const read = (name: string) => readFileSync(join(folder, "upper", name), "utf8");
    assert.deepEqual([read("x"), read("y")], ["x of other", "y of one"]);
  } finally {
    await runner.close();
    rmSync(folder, { recursive: true });
  }
});

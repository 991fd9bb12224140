import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { openJsonFile } from "../../src/containers/logs/json-file.ts";
import {
  findTime,
  followEntries,
  markEnd,
  readEntries,
  readEntriesBackwards,
} from "../../src/containers/logs/json-file-reader.ts";
import { openLogParts } from "../../src/containers/logs/log-parts.ts";
import { decodeLogEntry, type LogEntry } from "../../src/formats/log-entry.ts";
import { parseTimestamp } from "../../src/formats/timestamp.ts";
import { LogFile } from "../../src/supervisor/log-file.ts";
import { whenCompressed } from "../../src/supervisor/log-rotation.ts";
import { eventually } from "../engine.ts";

const folder = mkdtempSync(join(tmpdir(), "log-"));
after(() => rmSync(folder, { recursive: true }));
let count = 0;
const newPath = () => join(folder, `log${count++}`);
const linesOf = (path: string) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => decodeLogEntry(line)?.log);

async function gather(blocks: AsyncIterable<LogEntry[]>): Promise<LogEntry[]> {
  const all: LogEntry[] = [];
  for await (const block of blocks) all.push(...block);
  return all;
}

it("keeps lines whole however they arrive, and splits only what is longer than 16 KiB", async () => {
  const path = newPath();
  const log = new LogFile({ path, maxSizeBytes: 1e9, maxFiles: 1 });
  for (const chunk of ["on", "e\ntwo\nth", "ree\n\n"]) log.append("stdout", Buffer.from(chunk));
  log.append("stderr", Buffer.from("x".repeat(40_000)));
  log.append("stdout", Buffer.from("ü\n").subarray(0, 1));
  log.append("stdout", Buffer.from("ü\n").subarray(1));
  await log.end();
  const lines = linesOf(path);
  assert.deepEqual(
    lines.filter((line) => !line?.startsWith("x")),
    ["one\n", "two\n", "three\n", "\n", "ü\n"],
  );
  assert.deepEqual(
    lines.filter((line) => line?.startsWith("x")).map((line) => line?.length),
    [16384, 16384, 7232],
  );
});

it("goes on with a line of its own after an entry that was cut off", async () => {
  const path = newPath();
  const before = new LogFile({ path, maxSizeBytes: 1e9, maxFiles: 1 });
  before.append("stdout", Buffer.from("whole\ncut off\n"));
  await before.end();
  truncateSync(path, statSync(path).size - 10);
  for (const text of ["next\n", "last\n"]) {
    const log = new LogFile({ path, maxSizeBytes: 1e9, maxFiles: 1 });
    log.append("stdout", Buffer.from(text));
    await log.end();
  }
  assert.deepEqual(linesOf(path), ["whole\n", undefined, "next\n", "last\n"]);
});

it("writes the same entries for many lines at once as for each alone", async () => {
  const lines = [
    "plain\n",
    'quote "\n',
    "back\\slash\n",
    "\\n\n",
    "tab\t\n",
    "\r\n",
    "\n",
    "ü€😀\n",
    "\u2028\n",
    "\u007f\n",
    "\u0000\n",
  ];
  const all = [...lines, ...lines.slice(0, 1), ...lines.slice(6, 10)];
  for (const chunks of [all, [all.join("")], [all.slice(6, 10).join(""), all.slice(-5).join("")]]) {
    const path = newPath();
    const log = new LogFile({ path, maxSizeBytes: 1e9, maxFiles: 1 });
    for (const chunk of chunks) log.append("stdout", Buffer.from(chunk));
    await log.end();
    assert.equal(linesOf(path).join(""), chunks.join(""));
    assert.equal(linesOf(path).length, chunks.join("").split("\n").length - 1);
  }
});

it("keeps each file within its bounds, also in a flood", async () => {
  const path = newPath();
  const log = new LogFile({ path, maxSizeBytes: 10_000, maxFiles: 3 });
  for (let n = 0; n < 4; n++) {
    if (!log.append("stdout", Buffer.from("y\n".repeat(8192)))) await log.whenWritten();
  }
  log.append("stdout", Buffer.from("last\n"));
  await log.end();
  for (const name of [path, `${path}.1`, `${path}.2`]) {
    const { size } = statSync(name);
    assert.ok((name === path || size > 9000) && size <= 10_000, `${name}: ${size} bytes`);
  }
  assert.equal(linesOf(path).at(-1), "last\n");
});

it("rotates within its bounds and loses nothing that they allow", async () => {
  const path = newPath();
  const log = new LogFile({ path, maxSizeBytes: 10_000, maxFiles: 3 });
  for (let n = 0; n < 1000; n++) {
    log.append("stdout", Buffer.from(`${n}\n`));
    await log.whenWritten();
  }
  await log.end();
  assert.ok(existsSync(`${path}.2`) && !existsSync(`${path}.3`));
  const parts = await openLogParts(path);
  const seen: string[] = [];
  for (const part of parts) {
    const file = await part.plain();
    for await (const entries of readEntries(file, 0))
      seen.push(...entries.map(({ log: line }) => line.trim()));
    assert.ok((await file.stat()).size <= 10_000);
    await part.close();
  }
  assert.deepEqual(
    seen.map(Number),
    Array.from({ length: seen.length }, (_, n) => 1000 - seen.length + n),
  );
});

it("is read backwards as exactly as forwards", async () => {
  const path = newPath();
  const log = new LogFile({ path, maxSizeBytes: 1e9, maxFiles: 1 });
  const lines = Array.from({ length: 5000 }, (_, n) => `${n}${"é".repeat(n % 97)}\n`);
  for (const line of lines) log.append("stdout", Buffer.from(line));
  await log.end();
  const file = await (await openLogParts(path))[0]?.plain();
  assert.ok(file);
  const backwards: string[] = [];
  for await (const block of readEntriesBackwards(file, (await file.stat()).size))
    for (const { entry, start } of block) {
      backwards.push(entry.log);
      const { value } = await readEntries(file, start).next();
      assert.equal((value as LogEntry[])[0]?.log, entry.log);
    }
  await file.close();
  assert.deepEqual(backwards.reverse(), lines);
});

it("is followed across rotations without losing or doubling a line", async () => {
  const path = newPath();
  const log = new LogFile({ path, maxSizeBytes: 20_000, maxFiles: 2 });
  let finish: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const seen: number[] = [];
  const following = (async () => {
    for await (const entries of followEntries(path, undefined, 0, markEnd(path, ended)))
      seen.push(...entries.map((entry) => Number(entry.log)));
  })();
  for (let n = 0; n < 600; n++) {
    log.append("stdout", Buffer.from(`${n}\n`));
    await log.whenWritten();
    // A reader that is slower than a whole rotation may lose lines, as with any rotated log.
    if (n % 50 === 0)
      await eventually(
        () => seen.length,
        (length) => length >= n,
      );
  }
  await log.end();
  finish();
  await following;
  assert.deepEqual(
    seen,
    Array.from({ length: 600 }, (_, n) => n),
  );
});

it("compresses what is rotated, and all of it is read, followed and sought by time", async () => {
  const path = newPath();
  const log = new LogFile({
    path,
    maxSizeBytes: 10_000,
    maxFiles: 4,
    compress: true,
    attributes: '{"a":"b"}',
  });
  for (let n = 0; n < 600; n++) {
    log.append("stdout", Buffer.from(`${n}\n`));
    await log.whenWritten();
  }
  await log.end();
  await whenCompressed({ path });
  assert.deepEqual(
    [".1", ".1.gz", ".2", ".2.gz", ".3.gz", ".4.gz", ".part"].map((end) => existsSync(`${path}${end}`)),
    [false, true, false, true, true, false, false],
  );
  const selection = { stdout: true, stderr: true, since: undefined, until: undefined, tail: undefined };
  const source = openJsonFile(path);
  const all = await gather(source.read(selection));
  const numbers = (entries: LogEntry[]) => entries.map(({ log: line }) => Number(line));
  const expected = Array.from({ length: all.length }, (_, n) => 600 - all.length + n);
  assert.deepEqual(numbers(all), expected);
  assert.ok(all.length > 300);
  assert.deepEqual(all[0]?.attrs, { a: "b" });
  assert.deepEqual(numbers(await gather(source.follow(selection, Promise.resolve()))), expected);
  assert.deepEqual(numbers(await gather(source.read({ ...selection, tail: 140 }))), expected.slice(-140));
  const since = parseTimestamp(all[100]?.time ?? "");
  const later = numbers(await gather(source.read({ ...selection, since })));
  assert.ok(later.length <= all.length - 100 + 2 && later.length >= all.length - 100, String(later.length));
  assert.equal(later.at(-1), 599);
});

it("drops what a process that never waits has written too fast, whole lines only", async () => {
  const path = newPath();
  const log = new LogFile({ path, maxSizeBytes: 1e9, maxFiles: 1, droppedAboveBytes: 10_000 });
  for (let n = 0; n < 1000; n++)
    for (const part of [`${n} `, "x".repeat(100), ` ${n}\n`])
      assert.equal(log.append("stdout", Buffer.from(part)), true);
  await log.end();
  const lines = linesOf(path);
  assert.ok(lines.length > 10 && lines.length < 900, String(lines.length));
  for (const line of lines) assert.match(line ?? "", /^(\d+) x{100} \1\n$/);
});

it("seeks a time in a long log with a few looks", async () => {
  const path = newPath();
  const time = (n: number) => new Date(1.7e12 + n * 1000).toISOString();
  const lines = Array.from({ length: 100_000 }, (_, n) =>
    JSON.stringify({ log: `${n}\n`, stream: "stdout", time: time(n) }),
  );
  writeFileSync(path, `${lines.join("\n")}\n`);
  const file = await open(path, "r");
  const read = file.read.bind(file);
  let looks = 0;
  file.read = ((...words: Parameters<typeof read>) => {
    looks++;
    return read(...words);
  }) as typeof file.read;
  for (const n of [0, 1, 50_000, 99_999]) {
    const position = await findTime(file, 1.7e12 + n * 1000);
    const entries = await gather(readEntries(file, position));
    const first = Number(entries[0]?.log);
    assert.ok(first <= n && n - first < 4000, `${first} for ${n}`);
  }
  assert.ok(looks < 400, String(looks));
  await file.close();
});

it("keeps all that it has when no new file can be made", async () => {
  const path = newPath();
  const log = new LogFile({ path, maxSizeBytes: 1000, maxFiles: 3 });
  const write = async (from: number, to: number) => {
    for (let n = from; n < to; n++) {
      log.append("stdout", Buffer.from(`${n}\n`));
      await log.whenWritten();
    }
  };
  await write(0, 40);
  const before = linesOf(`${path}.2`);
  mkdirSync(`${path}.new`);
  await write(40, 80);
  assert.deepEqual(linesOf(`${path}.2`), before);
  assert.equal(linesOf(path).at(-1), "79\n");
  rmdirSync(`${path}.new`);
  await write(80, 81);
  assert.deepEqual(linesOf(path), ["80\n"]);
  assert.equal(linesOf(`${path}.1`).at(-1), "79\n");
  await log.end();
});

it("ends without waiting for a compression, and the next run's log does not move files before that is over", async () => {
  const path = newPath();
  const options = { path, maxSizeBytes: 4 << 20, maxFiles: 4, compress: true };
  const log = new LogFile(options);
  for (let n = 0; n < 9; n++)
    if (!log.append("stdout", Buffer.from(`${randomBytes(256 * 1024).toString("hex")}\n`)))
      await log.whenWritten();
  await log.end();
  assert.ok(existsSync(`${path}.1`) && !existsSync(`${path}.1.gz`));
  const next = new LogFile(options);
  for (let n = 0; n < 9; n++)
    if (!next.append("stdout", Buffer.from(`${randomBytes(256 * 1024).toString("hex")}\n`)))
      await next.whenWritten();
  await next.end();
  await whenCompressed({ path });
  assert.deepEqual(
    [".1", ".1.gz", ".2", ".2.gz", ".part"].map((end) => existsSync(`${path}${end}`)),
    [false, true, false, true, false],
  );
});

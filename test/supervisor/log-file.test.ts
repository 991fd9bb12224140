import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import {
  followEntries,
  openLogFiles,
  readEntries,
  readEntriesBackwards,
} from "../../src/containers/logs/json-file-reader.ts";
import { decodeLogEntry } from "../../src/formats/log-entry.ts";
import { LogFile } from "../../src/supervisor/log-file.ts";
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
  const files = await openLogFiles(path);
  const seen: string[] = [];
  for (const file of files) {
    for await (const entries of readEntries(file, 0))
      seen.push(...entries.map(({ log: line }) => line.trim()));
    assert.ok((await file.stat()).size <= 10_000);
    await file.close();
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
  const [file] = await openLogFiles(path);
  assert.ok(file);
  const backwards: string[] = [];
  for await (const entry of readEntriesBackwards(file, (await file.stat()).size)) backwards.push(entry.log);
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
    for await (const entries of followEntries(path, undefined, 0, ended))
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

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { gzipSync } from "node:zlib";
import { openLogParts } from "../../src/containers/logs/log-parts.ts";
import { createCursor } from "../../src/containers/shipping/cursor.ts";
import { makeSmallDisk } from "../small-disk.ts";

/** Files of a folder that this process has open, also those without a name. */
const openIn = (folder: string) =>
  readdirSync("/proc/self/fd")
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    })
    .filter((path) => path.startsWith(folder));

const count = 40_000;
const lines = Array.from({ length: count }, (_, n) => {
  const time = new Date(Date.UTC(2026, 0, 1) + n).toISOString();
  return `${JSON.stringify({ log: `line ${n}\n`, stream: "stdout", time })}\n`;
});

it("a compressed file that there is no room for is tried again, and none of its lines is passed over", async () => {
  await using disk = makeSmallDisk(2);
  const path = join(disk.path, "container.log");
  writeFileSync(`${path}.1.gz`, gzipSync(lines.slice(0, -1).join("")));
  writeFileSync(path, lines.at(-1) ?? "");
  const [packed, last] = await openLogParts(path);
  await assert.rejects(packed!.plain(), { code: "ENOSPC" });
  await assert.rejects(createCursor(path, { head: "", offset: 0 }).next(), { code: "ENOSPC" });
  assert.equal(openIn(disk.path).length, 2, "only what is held is open");
  execFileSync("mount", ["-o", "remount,size=16m", disk.path]);
  const plain = await packed!.plain();
  assert.equal((await plain.stat()).size, lines.slice(0, -1).join("").length);
  for (const part of [packed, last]) await part?.close();
  const cursor = createCursor(path, { head: "", offset: 0 });
  let read = 0;
  for (let block = await cursor.next(); block; block = await cursor.next()) read += block.entries.length;
  await cursor.close();
  assert.equal(read, count);
  assert.deepEqual(openIn(disk.path), []);
});

it("of a compressed file that was cut off, what can be read counts", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-parts-"));
  const path = join(folder, "container.log");
  const packed = gzipSync(lines.join(""));
  writeFileSync(`${path}.1.gz`, packed);
  truncateSync(`${path}.1.gz`, Math.floor(packed.length / 2));
  const [part] = await openLogParts(path);
  const { size } = await (await part!.plain()).stat();
  assert.ok(size > 0 && size < lines.join("").length, `${size} bytes`);
  assert.notEqual(await part!.head(), "");
  await part!.close();
  rmSync(folder, { recursive: true });
});

it("when one file of a log cannot be opened, the others are closed again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-parts-"));
  const path = join(folder, "container.log");
  for (const name of [path, `${path}.1`]) writeFileSync(name, lines[0] ?? "");
  symlinkSync(`${path}.2`, `${path}.2`);
  await assert.rejects(openLogParts(path), { code: "ELOOP" });
  assert.deepEqual(openIn(folder), []);
  rmSync(folder, { recursive: true });
});

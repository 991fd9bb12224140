import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import {
  createGrowth,
  endGrowth,
  readGrowingFile,
  readGrowth,
  tellWritten,
} from "../../src/sys/growing-file.ts";

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test("a file is read while it grows, to its size and no further, or until its writer gives up", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-growing-"));
  const path = join(folder, "file");
  const bytes = randomBytes(1_500_000);
  writeFileSync(path, bytes.subarray(0, 10));
  const growth = createGrowth();
  tellWritten(growth, 10);
  const never = new AbortController().signal;
  const reading = collect(readGrowingFile(path, 1_400_000, growth, never));
  for (let at = 10; at < bytes.length; at += 100_000) {
    const part = bytes.subarray(at, at + 100_000);
    appendFileSync(path, part);
    tellWritten(growth, at + part.length);
    await turn();
  }
  assert.deepEqual(await reading, bytes.subarray(0, 1_400_000));
  assert.deepEqual(readGrowth(growth), { writtenBytes: bytes.length, readBytes: 1_400_000 });

  const broken = collect(readGrowingFile(path, bytes.length + 1, growth, never));
  endGrowth(growth);
  await assert.rejects(broken, /broken off/);

  // A writer whose disk is full empties the file, and says so before it gives up.
  writeFileSync(path, "");
  const emptied = createGrowth();
  tellWritten(emptied, 500_000);
  const given = collect(readGrowingFile(path, bytes.length, emptied, never));
  await turn();
  endGrowth(emptied);
  await assert.rejects(given, /broken off/);
  const shorter = createGrowth();
  tellWritten(shorter, bytes.length);
  await assert.rejects(collect(readGrowingFile(path, bytes.length, shorter, never)), /cut short/);

  const controller = new AbortController();
  const waiting = collect(readGrowingFile(path, bytes.length + 1, createGrowth(), controller.signal));
  controller.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  rmSync(folder, { recursive: true });
});

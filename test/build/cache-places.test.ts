import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, it } from "node:test";
import type { ClientContent } from "../../src/build/client-session.ts";
import { openClientSource } from "../../src/build/remote-cache/cache-places.ts";
import { digestOf } from "../../src/formats/digest.ts";
import { createGrowth, readGrowth } from "../../src/sys/growing-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-cache-places-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const pieces = Array.from({ length: 40 }, (_, number) => Buffer.alloc(32 * 1024, `${number};`));
const whole = Buffer.concat(pieces);

/** Downloads what a client has into a file. @param size what is said of it */
async function download(path: string, size = whole.length): Promise<number> {
  async function* read() {
    yield* pieces;
  }
  const digest = digestOf(whole);
  const [place] = openClientSource({ read } as unknown as ClientContent, digest, "cache").blobs;
  assert.ok(place);
  const growth = createGrowth();
  const signal = new AbortController().signal;
  const opened = await place.open(signal);
  await opened.download({ digest, size }, { path, growth }, signal);
  return readGrowth(growth).writtenBytes;
}

it("a client's blob is in its file, and the file's readers know how far", async () => {
  const path = join(folder, "blob");
  assert.equal(await download(path), whole.length);
  assert.ok(readFileSync(path).equals(whole));
  await assert.rejects(download(path, whole.length - 1), /has more than/);
  await assert.rejects(download(path, whole.length + 1), /was cut short/);
});

it("a disk that takes its time over a client's blob holds up nothing else", async () => {
  const path = join(folder, "slow");
  execFileSync("mkfifo", [path]);
  // A pipe takes no more before it is read, which is done by this thread.
  const written = download(path);
  const read: Buffer[] = [];
  for await (const piece of createReadStream(path)) read.push(piece as Buffer);
  assert.equal(await written, whole.length);
  assert.ok(Buffer.concat(read).equals(whole));
});

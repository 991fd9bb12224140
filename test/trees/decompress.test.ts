import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { test } from "node:test";
import { crc32, gzipSync, zstdCompressSync } from "node:zlib";
import { decompress } from "../../src/trees/decompress.ts";
import { readStream } from "../images/fixtures.ts";

const content = Buffer.concat([randomBytes(300_000), Buffer.alloc(2_000_000, "a")]);
const forms: [string, Buffer][] = [
  ["none", content],
  ["gzip", gzipSync(content)],
  ["zstd", zstdCompressSync(content)],
  ["xz", execFileSync("xz", ["-0", "-c"], { input: content })],
  ["bzip2", execFileSync("bzip2", ["-c"], { input: content })],
];

test("each compression is told by its first bytes, however they arrive", async () => {
  for (const [form, bytes] of forms) {
    for (const first of [1, 5, bytes.length]) {
      const chunks = [bytes.subarray(0, first), bytes.subarray(first)].filter(({ length }) => length > 0);
      const { compression, output } = await decompress(Readable.from(chunks));
      assert.equal(compression, form);
      assert.ok((await readStream(output)).equals(content), `${form} after ${first}`);
    }
  }
});

test("streams shorter than any magic number are plain", async () => {
  for (const text of ["", "a", "BZ"]) {
    const { compression, output } = await decompress(Readable.from(text ? [Buffer.from(text)] : []));
    assert.equal(compression, "none");
    assert.equal((await readStream(output)).toString(), text);
  }
});

test("damage and truncation are errors of the user's, in one sentence", async () => {
  // A zstd frame need not have a checksum, and Node says nothing when one is cut off: the archive in it tells.
  for (const [form, bytes] of forms.filter(([name]) => name !== "none" && name !== "zstd")) {
    const damaged = Buffer.from(bytes);
    damaged.fill(0x55, 1000, 2000);
    for (const wrong of [bytes.subarray(0, bytes.length - 100), damaged]) {
      const { output } = await decompress(Readable.from([wrong]));
      await assert.rejects(
        readStream(output),
        { kind: "invalid", message: new RegExp(`^invalid ${form} data: `) },
        form,
      );
    }
  }
});

test("an xz archive that asks for gigabytes of memory is refused", async () => {
  const archive = execFileSync("xz", ["-c"], { input: "x".repeat(100) });
  // The block's header: size, flags, filter, length of its properties, size of the dictionary; a checksum at the end.
  const header = archive.subarray(12, 12 + 4 * ((archive[12] ?? 0) + 1));
  header[header.indexOf(0x21) + 2] = 40;
  header.writeUInt32LE(crc32(header.subarray(0, -4)), header.length - 4);
  const { output } = await decompress(Readable.from([archive]));
  await assert.rejects(readStream(output), {
    kind: "invalid",
    message: /^invalid xz data: .*[Mm]emory usage limit/,
  });
});

test("a program that is missing is named", async () => {
  const path = process.env.PATH;
  process.env.PATH = "/nonexistent";
  try {
    const { output } = await decompress(Readable.from([forms[3]?.[1]]));
    // It fails before it has a reader.
    await new Promise((resolve) => output.once("close", resolve));
    await assert.rejects(readStream(output), {
      kind: "internal",
      message: /compressed with xz, which is not installed/,
    });
  } finally {
    process.env.PATH = path;
  }
});

test("an input that fails gives its own error, and an output that is dropped ends the input", async () => {
  for (const [form, bytes] of forms) {
    async function* failing() {
      yield bytes.subarray(0, 10_000);
      throw new Error("the client has gone");
    }
    const { output } = await decompress(Readable.from(failing()));
    await assert.rejects(readStream(output), /the client has gone/, form);
    const input = Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)]);
    const dropped = await decompress(input);
    const closed = new Promise((resolve) => input.once("close", resolve));
    dropped.output.destroy();
    await closed;
  }
});

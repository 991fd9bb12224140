import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { test } from "node:test";
import { createGunzip, gzipSync } from "node:zlib";
import { refuseBomb } from "../../src/build/context/refuse-bomb.ts";

const limits = { freeBytes: 100_000, ratio: 20 };

/** @returns how many bytes came through */
async function unpack(archive: Buffer): Promise<number> {
  let [received, count] = [0, 0];
  function* pieces() {
    for (let at = 0; at < archive.length; at += 1000) {
      const piece = archive.subarray(at, at + 1000);
      received += piece.length;
      yield piece;
    }
  }
  const plain = Readable.from(pieces()).pipe(createGunzip());
  for await (const chunk of refuseBomb(plain, () => received, limits)) count += chunk.length;
  return count;
}

test("a context that unpacks to far more than it is ends where that is seen", async () => {
  await assert.rejects(unpack(gzipSync(Buffer.alloc(10_000_000))), {
    kind: "invalid",
    message: /^the build context unpacks to more than \d{6} bytes, and is itself \d+: send it uncompressed/,
  });
});

test("one that is in proportion, or small, comes through", async () => {
  const text = randomBytes(200_000);
  assert.equal(await unpack(gzipSync(text)), text.length);
  assert.equal(await unpack(gzipSync(Buffer.alloc(90_000))), 90_000);
});

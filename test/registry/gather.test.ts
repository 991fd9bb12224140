import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { it } from "node:test";
import { createGather } from "../../src/registry/gather.ts";

/** Pieces of these lengths, in turn, as long as there is content. */
async function* inPieces(content: Buffer, nextLength: () => number) {
  for (let at = 0; at < content.length; ) {
    const end = Math.min(content.length, at + nextLength());
    yield content.subarray(at, end);
    at = end;
  }
}

it("pieces of any size are written in order, the small ones together", async () => {
  const content = randomBytes(300_001);
  const lengths: Record<string, () => number> = {
    "single bytes": () => 1,
    "of any size": () => randomInt(1, 40_000),
    "small and large in turn": () => (randomInt(2) ? 1 : 70_000),
    "none among them": () => randomInt(2) * 30_000,
  };
  for (const [what, nextLength] of Object.entries(lengths)) {
    const written: Buffer[] = [];
    let mostParts = 0;
    const gather = createGather(1 << 30);
    const totalBytes = await gather(inPieces(content, nextLength), {
      batchBytesAt: () => 100_000,
      async write(parts, sizeBytes) {
        mostParts = Math.max(mostParts, parts.length);
        written.push(Buffer.concat(parts));
        assert.equal(written.at(-1)?.length, sizeBytes);
      },
    });
    assert.equal(totalBytes, content.length, what);
    assert.deepEqual(Buffer.concat(written), content, what);
    assert.ok(written.length <= 4, what);
    assert.ok(mostParts <= 30, `${what}: ${mostParts} parts at once`);
  }
});

it("what came before a failure is written, and a failure to write ends it", async () => {
  async function* failing() {
    yield Buffer.from("some");
    yield Buffer.from(" bytes");
    throw new Error("cut off");
  }
  const gather = createGather(1 << 20);
  const written: string[] = [];
  const write = async (parts: Uint8Array[]) => void written.push(Buffer.concat(parts).toString());
  await assert.rejects(gather(failing(), { batchBytesAt: () => 100, write }), /cut off/);
  assert.deepEqual(written, ["some bytes"]);
  const full = async () => {
    throw new Error("full");
  };
  const content = randomBytes(1000);
  await assert.rejects(
    gather(
      inPieces(content, () => 10),
      { batchBytesAt: () => 100, write: full },
    ),
    /full/,
  );
});

it("a hundred slow uploads together stay within what memory there is for all, and each goes on", async () => {
  const [budgetBytes, batchBytes, pieceBytes, uploads] = [4 << 20, 1 << 20, 32 << 10, 100];
  const gather = createGather(budgetBytes);
  let heldBytes = 0;
  let mostBytes = 0;
  const piece = Buffer.alloc(pieceBytes);
  const steps = Array.from({ length: 40 }, () => Promise.withResolvers<void>());
  async function* slow() {
    for (const step of steps) {
      await step.promise;
      heldBytes += pieceBytes;
      mostBytes = Math.max(mostBytes, heldBytes);
      yield piece;
    }
  }
  const write = async (_: Uint8Array[], sizeBytes: number) => {
    // As long as a disk takes.
    await new Promise(setImmediate);
    heldBytes -= sizeBytes;
  };
  const ends = Array.from({ length: uploads }, () =>
    gather(slow(), { batchBytesAt: () => batchBytes, write }),
  );
  for (const step of steps) {
    step.resolve();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  }
  assert.deepEqual(await Promise.all(ends), Array(uploads).fill(steps.length * pieceBytes));
  assert.equal(heldBytes, 0);
  // Beyond the budget each has a sixteenth of a batch gathered, one being written, and a piece that has just come.
  const beyond = uploads * (batchBytes / 8 + 2 * pieceBytes);
  assert.ok(mostBytes > budgetBytes && mostBytes <= budgetBytes + beyond, `${mostBytes} bytes at the most`);
  const full = async () => {
    throw new Error("full");
  };
  const content = Buffer.alloc(3 * batchBytes);
  const failing = () =>
    gather(
      inPieces(content, () => pieceBytes),
      { batchBytesAt: () => batchBytes, write: full },
    );
  for (let times = 0; times < 5; times++) await assert.rejects(failing, /full/);
  // All that it held is given back.
  const alone: number[] = [];
  await gather(
    inPieces(Buffer.alloc(batchBytes), () => pieceBytes),
    { batchBytesAt: () => batchBytes, write: async (_, sizeBytes) => void alone.push(sizeBytes) },
  );
  assert.deepEqual(alone, [batchBytes]);
});

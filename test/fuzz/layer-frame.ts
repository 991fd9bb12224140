import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../../src/errors.ts";
import { type Digest, digestOf } from "../../src/formats/digest.ts";
import { recordArchive } from "../../src/images/plain-archive.ts";
import { unpackLayer } from "../../src/images/unpack.ts";
import { assembleArchive } from "../../src/trees/assemble.ts";
import { removePath } from "../../src/trees/remove.ts";
import type { Random } from "../random.ts";
import { makeArchive } from "./tar-grammar.ts";
import type { Target } from "./target.ts";

/** Layers' archives unpacked, kept as frames and put together again; then frames and files that have changed. For root. */
export const layerFrame: Target = {
  name: "layer-frame",
  smallCount: 100,
  mostMilliseconds: 2000,
  open() {
    const folder = mkdtempSync(join(tmpdir(), "berth-fuzz-"));
    return {
      async attempt(random) {
        const work = join(folder, "work");
        mkdirSync(work);
        try {
          await tryOne(work, random);
        } finally {
          removePath(work);
        }
      },
      close: () => removePath(folder),
    };
  },
};

async function tryOne(work: string, random: Random): Promise<void> {
  const archive = makeArchive(random);
  const digest = digestOf(archive);
  const blob = join(work, "blob");
  const [directory, framePath, again] = [join(work, "layer"), join(work, "frame"), join(work, "again")];
  writeFileSync(blob, archive);
  const { hasFrame } = await unpackLayer({ path: blob }, digest, directory, framePath);
  // It began as something compressed does.
  if (!hasFrame) return;
  const assemble = () => assembled(framePath, directory, digest);
  assert.deepEqual(assemble(), archive);
  recordArchive(blob, again, directory, digest);
  assert.deepEqual(assembled(again, directory, digest), archive);
  assert.deepEqual(readdirSync(work).sort(), ["again", "blob", "frame", "layer"]);
  const frame = readFileSync(framePath);
  if (random.next() < 0.3) truncateSync(framePath, random.between(0, frame.length - 1));
  else {
    for (let n = random.between(1, 4); n > 0; n--)
      frame[random.between(0, frame.length - 1)] = random.between(0, 255);
    writeFileSync(framePath, frame);
  }
  try {
    assert.deepEqual(assemble(), archive);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    assert.match(error.message, /has changed on the disk/);
  }
}

function assembled(framePath: string, directory: string, digest: Digest): Buffer {
  const pieces: Buffer[] = [];
  for (const piece of assembleArchive({ framePath, directory, digest })) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

import assert from "node:assert/strict";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import type { SourceTree } from "../../src/build/context/source-tree.ts";
import { isArchive, unpackArchive } from "../../src/build/solve/unpack-archive.ts";
import { makeTar } from "../images/fixtures.ts";

const pieceBytes = 64 * 1024;

/** A tree in which every file comes to this, and how many pieces of it were read. */
function treeOf(content: Buffer, times = 1) {
  const counted = { pieces: 0 };
  function* read(): Generator<Buffer> {
    for (let time = 0; time < times; time++)
      for (let at = 0; at < content.length; at += pieceBytes) {
        counted.pieces++;
        yield content.subarray(at, at + pieceBytes);
      }
  }
  return { tree: { read } as unknown as SourceTree, counted };
}

describe("whether a file is an archive", () => {
  it("is known by its beginning, where that is zeros as well", async () => {
    const disk = treeOf(Buffer.alloc(pieceBytes), 5000);
    assert.equal(await isArchive(disk.tree, "x", () => {}), false);
    assert.ok(disk.counted.pieces < 100, `${disk.counted.pieces} pieces were read`);
    let chunks = 0;
    const { tree } = treeOf(gzipSync(Buffer.alloc(200 * 1024 * 1024), { level: 1 }));
    assert.equal(await isArchive(tree, "x", () => void chunks++), false);
    assert.equal(chunks, 1);
    assert.equal(await isArchive(treeOf(makeTar([{ name: "a" }])).tree, "x", () => {}), true);
  });
});

describe("an archive that a little of what is compressed comes to much of", () => {
  it("is given up between two pieces of what comes out", async () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-unpack-"));
    const rootFd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    const archive = gzipSync(makeTar([{ name: "zeros", data: Buffer.alloc(64 * 1024 * 1024) }]), {
      level: 9,
    });
    let chunks = 0;
    const check = () => {
      if (++chunks === 3) throw new Error("context canceled");
    };
    try {
      await assert.rejects(unpackArchive(rootFd, treeOf(archive).tree, "x", { base: "" }, check), /canceled/);
      assert.equal(chunks, 3);
    } finally {
      closeSync(rootFd);
      rmSync(folder, { recursive: true });
    }
  });
});

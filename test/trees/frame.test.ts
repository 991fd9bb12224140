import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { encodeFrameHead, type FrameEncoder } from "../../src/formats/archive-frame.ts";
import { type Digest, digestOf } from "../../src/formats/digest.ts";
import { makeNode } from "../../src/sys/device-node.ts";
import { assembleArchive } from "../../src/trees/assemble.ts";
import { createFrameFile } from "../../src/trees/frame-file.ts";
import { makeFolder } from "./fixtures.ts";

const secret = "what lies outside";
const damage = { kind: "internal", message: /has changed on the disk/ } as const;

/** A layer's folder beside a secret, and a place for its frame. */
function makePlace() {
  const place = mkdtempSync(join(tmpdir(), "berth-frame-"));
  const directory = join(place, "layers/1");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(place, "secret"), secret);
  return {
    place,
    directory,
    framePath: join(place, "frame"),
    [Symbol.dispose]: () => rmSync(place, { recursive: true }),
  };
}

function assemble(place: { directory: string; framePath: string }, digest: Digest): Buffer {
  const pieces = assembleArchive({ ...place, digest });
  return Buffer.concat(Array.from(pieces, (piece) => Buffer.from(piece)));
}

/** A frame that is sound in itself. */
function writeFrame(
  path: string,
  whole: string,
  sizeBytes: number,
  write: (frame: FrameEncoder) => void,
): Digest {
  const digest = digestOf(whole);
  const frame = createFrameFile(path);
  write(frame);
  frame.finish({ digest, sizeBytes });
  frame.close();
  return digest;
}

test("a frame that refers to files outside of its layer gets none of them, with the right digest too", () => {
  using place = makePlace();
  const outside = [
    "../../secret",
    "/../../secret",
    join(place.place, "secret"),
    "link",
    "up/secret",
    "up/../../secret",
    "/proc/self/root/etc/hostname",
  ];
  symlinkSync(join(place.place, "secret"), join(place.directory, "link"));
  symlinkSync("../..", join(place.directory, "up"));
  for (const path of outside) {
    const digest = writeFrame(place.framePath, secret, secret.length, (frame) => {
      frame.content(path, 0, secret.length);
    });
    assert.throws(() => assemble(place, digest), damage, path);
    rmSync(place.framePath);
  }
});

test("what is no file is not opened, a piece that no file has and parts beyond the whole are refused at once", () => {
  using place = makePlace();
  using folder = makeFolder();
  writeFileSync(join(folder.path, "f"), "content");
  mkdirSync(join(folder.path, "d"));
  makeNode(folder.fd, "tty", "characterDevice", { major: 5, minor: 0 });
  makeNode(folder.fd, "pipe", "fifo", { major: 0, minor: 0 });
  const most = 2 ** 48 - 1;
  const frames: Record<string, (frame: FrameEncoder) => void> = {
    device: (frame) => frame.content("tty", 0, 7),
    pipe: (frame) => frame.content("pipe", 0, 7),
    directory: (frame) => frame.content("d", 0, 7),
    "the root": (frame) => frame.content("", 0, 7),
    "a name with NUL": (frame) => frame.content("f\0g", 0, 8),
    nothing: (frame) => frame.content("absent", 0, 7),
    "beyond the end": (frame) => frame.content("f", most - 7, 7),
    "more than there is": (frame) => frame.content("f", 0, most),
    "longer than the whole": (frame) => {
      for (let times = 0; times < 100_000; times++) frame.content("f", 0, 7);
    },
    "shorter than the whole": (frame) => frame.content("f", 0, 6),
    "other bytes": (frame) => frame.bytes(Buffer.from("CONTENT")),
  };
  for (const [what, write] of Object.entries(frames)) {
    const digest = writeFrame(place.framePath, "content", 7, write);
    const from = { directory: folder.path, framePath: place.framePath };
    assert.throws(() => assemble(from, digest), damage, what);
    rmSync(place.framePath);
  }
});

test("blocks that lie about their size, that are bombs and that never end are refused", () => {
  using place = makePlace();
  const head = encodeFrameHead({ digest: digestOf("x"), sizeBytes: 1 });
  const block = (plain: Buffer, statedBytes = plain.length) => {
    const packed = zstdCompressSync(plain);
    const sizes = Buffer.alloc(8);
    sizes.writeUInt32BE(packed.length, 0);
    sizes.writeUInt32BE(statedBytes, 4);
    return Buffer.concat([sizes, packed]);
  };
  const blocks: Record<string, Buffer> = {
    "a bomb": block(Buffer.alloc(200 << 20), 1000),
    "a bomb that says so": block(Buffer.alloc(200 << 20)),
    "less than stated": block(Buffer.from([0, 0, 0, 0, 0]), 6),
    "an unknown part": block(Buffer.from([9, 0, 0, 0, 0])),
    "a part beyond the block": block(Buffer.from([0, 255, 255, 255, 255, 1])),
    "a path beyond the block": block(Buffer.from([1, 255, 255, ...Buffer.alloc(12)])),
    "no zstd": Buffer.concat([Buffer.from([0, 0, 0, 4, 0, 0, 0, 4]), Buffer.from("none")]),
    "no end": block(Buffer.from([0, 0, 0, 0, 1, 0x78])),
    nothing: Buffer.alloc(0),
  };
  for (const [what, bytes] of Object.entries(blocks)) {
    writeFileSync(place.framePath, Buffer.concat([head, bytes]));
    assert.throws(() => assemble(place, digestOf("x")), damage, what);
  }
  writeFileSync(place.framePath, Buffer.concat([head, blocks["no end"]!, Buffer.alloc(8)]));
  assert.equal(assemble(place, digestOf("x")).toString(), "x", "it is right with its end");
});

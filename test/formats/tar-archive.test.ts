import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import v8 from "node:v8";
import vm from "node:vm";
import { EngineError } from "../../src/errors.ts";
import { bytesOfText, paddingAfter, type TarEntry } from "../../src/formats/tar/tar-entry.ts";
import { decodePax, encodePax, formatPaxTime, parsePaxTime } from "../../src/formats/tar/tar-pax.ts";
import { createTarReader } from "../../src/formats/tar/tar-reader.ts";
import { createSparseMap } from "../../src/formats/tar/tar-sparse.ts";
import { archiveEnd, encodeEntry } from "../../src/formats/tar/tar-writer.ts";

interface Member {
  entry: TarEntry;
  data: Buffer;
}

function readAll(archive: Buffer, chunkBytes = archive.length): Member[] {
  const reader = createTarReader();
  const members: Member[] = [];
  for (let offset = 0; offset < archive.length; offset += chunkBytes) {
    for (const event of reader.push(archive.subarray(offset, offset + chunkBytes))) {
      if (event.kind === "entry") members.push({ entry: event.entry, data: Buffer.alloc(0) });
      const last = members.at(-1) as Member;
      if (event.kind === "data") last.data = Buffer.concat([last.data, event.data]);
      if (event.kind === "hole") {
        assert.ok(event.lengthBytes > 0 && event.lengthBytes < 1e8);
        last.data = Buffer.concat([last.data, Buffer.alloc(event.lengthBytes)]);
      }
    }
  }
  reader.finish();
  return members;
}

function writeAll(members: Member[]): Buffer {
  const parts = members.flatMap(({ entry, data }) => [
    encodeEntry(entry),
    data,
    Buffer.alloc(paddingAfter(data.length)),
  ]);
  return Buffer.concat([...parts, archiveEnd]);
}

function member(entry: Partial<TarEntry>, data = ""): Member {
  const bytes = Buffer.from(data);
  const filled: TarEntry = {
    name: "file",
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: bytes.length,
    mtime: { seconds: 1_700_000_000, nanoseconds: 0 },
    ...entry,
  };
  return { entry: filled, data: bytes };
}

const deep = `${"d".repeat(90)}/`.repeat(40);
const members: Member[] = [
  member({ name: "plain", mode: 0o6755 }, "hello"),
  member({ name: bytesOfText("größe/файл") }, "x".repeat(513)),
  member({ name: "latin\xe4\xff\x01" }),
  member({ name: `${deep}f` }, "deep"),
  member({ name: "s", type: "symlink", linkName: deep }),
  member({ name: "dir/", type: "directory", mode: 0o1777, mtime: { seconds: 3, nanoseconds: 123_456_789 } }),
  member({ name: "hard", type: "link", linkName: "plain" }),
  member({ name: "null", type: "characterDevice", deviceMajor: 1, deviceMinor: 3 }),
  member({ name: "sda", type: "blockDevice", deviceMajor: 8, deviceMinor: 1 }),
  member({ name: "pipe", type: "fifo" }),
  member({ name: "owner", uid: 4_000_000_000, gid: 2_097_152 }),
  member({ name: "old", mtime: { seconds: -2, nanoseconds: 500_000_000 } }),
  member({
    name: "cap",
    xattrs: new Map([
      ["security.capability", Buffer.from("0100000200ff\n00=1", "latin1")],
      ["user.\xe4", Buffer.from([0, 255, 10, 61])],
    ]),
  }),
];

test("every kind of entry comes back byte for byte, however the archive is cut", () => {
  const archive = writeAll(members);
  for (const chunkBytes of [archive.length, 512, 511, 1000, 7]) {
    assert.deepEqual(readAll(archive, chunkBytes), members, `chunks of ${chunkBytes}`);
  }
});

test("the same entries give the same bytes", () => {
  const shuffled = structuredClone(members);
  const cap = shuffled.at(-1) as Member;
  cap.entry.xattrs = new Map([...(cap.entry.xattrs ?? [])].reverse().map(([k, v]) => [k, Buffer.from(v)]));
  assert.deepEqual(writeAll(shuffled), writeAll(members));
});

test("GNU tar reads what we write, and we read GNU and PAX archives of its", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-tar-"));
  try {
    const path = join(folder, "a.tar");
    writeFileSync(
      path,
      writeAll(members.filter(({ entry }) => entry.type === "file" || entry.type === "symlink")),
    );
    execFileSync("tar", ["-tf", path]);
    const long = "n".repeat(230);
    writeFileSync(join(folder, long), "long");
    for (const format of ["gnu", "pax", "ustar", "v7"]) {
      const names = format === "gnu" || format === "pax" ? [long] : [];
      writeFileSync(join(folder, "small"), format);
      const archive = execFileSync("tar", [
        "-C",
        folder,
        `--format=${format}`,
        "-cf",
        "-",
        "small",
        ...names,
      ]);
      const [small, big] = readAll(archive);
      assert.equal(small?.data.toString(), format);
      if (names.length > 0) assert.equal(big?.entry.name, long);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Files with holes at the beginning, between many pieces and at the end, as an archive of GNU tar. */
function packSparse(words: string[]): { files: Record<string, Buffer>; archive: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "berth-sparse-"));
  const files: Record<string, Buffer> = {};
  const make = (name: string, sizeBytes: number, pieces: number[]) => {
    const fd = openSync(join(folder, name), "w");
    ftruncateSync(fd, sizeBytes);
    for (const at of pieces) writeSync(fd, Buffer.alloc(4096, name), 0, 4096, at);
    closeSync(fd);
    files[name] = readFileSync(join(folder, name));
  };
  try {
    make(
      "many",
      4_200_001,
      Array.from({ length: 60 }, (_, n) => 4096 + n * 65_536),
    );
    make("hole", 1_000_000, []);
    make("two", 500_000, [0, 200_704]);
    writeFileSync(join(folder, "plain"), "plain");
    files.plain = Buffer.from("plain");
    const archive = execFileSync("tar", ["-C", folder, ...words, "-S", "-cf", "-", ...Object.keys(files)], {
      maxBuffer: 1 << 26,
    });
    return { files, archive };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const words of [
  ["--format=gnu"],
  ["--format=pax", "--sparse-version=0.0"],
  ["--format=pax", "--sparse-version=0.1"],
  ["--format=pax", "--sparse-version=1.0"],
]) {
  test(`sparse files of GNU tar ${words.join(" ")} are read with their holes`, () => {
    const { files, archive } = packSparse(words);
    assert.ok(archive.length < 600_000, "the archive has no holes in it");
    for (const chunkBytes of [archive.length, 512, 1000]) {
      for (const { entry, data } of readAll(archive, chunkBytes)) {
        assert.equal(entry.sizeBytes, files[entry.name]?.length, entry.name);
        assert.ok(data.equals(files[entry.name] as Buffer), entry.name);
        assert.equal(entry.isSparse ?? false, entry.name !== "plain");
      }
    }
    for (const cut of [600, 1500, 3000, archive.length - 12_000]) {
      assert.throws(() => readAll(archive.subarray(0, cut)), { kind: "invalid" }, `cut at ${cut}`);
    }
  });
}

test("sparse maps that lie are refused", () => {
  const refuse = (numbers: number[], sizeBytes: number, storedBytes: number) =>
    assert.throws(
      () => createSparseMap(numbers, sizeBytes, storedBytes),
      { kind: "invalid" },
      String(numbers),
    );
  refuse([0, 10], 5, 10);
  refuse([0, 10, 5, 10], 100, 20);
  refuse([0, 10], 100, 11);
  refuse([0], 100, 0);
  refuse([-1, 10], 100, 10);
  refuse([0, -10, 0, 20], 100, 10);
  refuse([], -1, 0);
});

test("a truncated archive is refused wherever it is cut inside an entry", () => {
  const archive = writeAll([member({ name: deep }, "x".repeat(700))]);
  const ends = archive.length - archiveEnd.length;
  for (let cut = 1; cut < ends - paddingAfter(700); cut += 97) {
    assert.throws(() => readAll(archive.subarray(0, cut)), { kind: "invalid" }, `cut at ${cut}`);
  }
});

test("damaged and hostile headers are refused", () => {
  const good = writeAll([member({ name: "a" }, "data")]);
  const damage = (change: (archive: Buffer) => void) => {
    const copy = Buffer.from(good);
    change(copy);
    return copy;
  };
  const rewrite = (change: (archive: Buffer) => void) =>
    damage((archive) => {
      change(archive);
      archive.fill(0x20, 148, 156);
      const total = archive.subarray(0, 512).reduce((a, b) => a + b, 0);
      archive.write(`${total.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    });
  const refused: [string, Buffer][] = [
    ["a wrong checksum", damage((a) => a.write("b", 0))],
    ["garbage", Buffer.from("not a tar archive at all ".repeat(50))],
    ["an unknown type", rewrite((a) => a.write("Z", 156))],
    ["a size that is no number", rewrite((a) => a.write("99999999999", 124))],
    ["a negative size", rewrite((a) => a.fill(0xff, 124, 136))],
    ["a size beyond all numbers", rewrite((a) => a.fill(0x7f, 125, 136).fill(0x80, 124, 125))],
    ["an extension of 2 MiB", rewrite((a) => a.fill("x", 156, 157).write("00010000000", 124))],
    ["a sparse file without a map", rewrite((a) => a.write("S", 156))],
  ];
  for (const [what, archive] of refused) assert.throws(() => readAll(archive), { kind: "invalid" }, what);
});

test("PAX records that lie about their length are refused", () => {
  for (const body of [
    "99 path=x\n",
    "5 a=b\n",
    "0 path=x\n",
    "x path=x\n",
    "-9 path=x\n",
    "12 path=abc ",
    " \n",
  ]) {
    const [header] = [encodeEntry(member({ name: "x" }).entry)];
    const extension = encodeEntry({ ...member({ name: "p" }).entry, sizeBytes: body.length });
    extension.write("x", 156);
    extension.fill(0x20, 148, 156);
    const total = extension.reduce((a, b) => a + b, 0);
    extension.write(`${total.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    const data = Buffer.concat([Buffer.from(body), Buffer.alloc(paddingAfter(body.length))]);
    assert.throws(
      () => readAll(Buffer.concat([extension, data, header as Buffer])),
      { kind: "invalid" },
      body,
    );
  }
});

/** An extension of entries to come, such as PAX records. */
function extensionOf(typeFlag: string, body: Buffer): Buffer {
  const header = encodeEntry({ ...member({ name: "p" }).entry, sizeBytes: body.length });
  header.write(typeFlag, 156);
  header.fill(0x20, 148, 156);
  const total = header.reduce((a, b) => a + b, 0);
  header.write(`${total.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, body, Buffer.alloc(paddingAfter(body.length))]);
}

test("global headers count for nothing and are not kept, however many there are", () => {
  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc") as () => void;
  const usedBytes = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const reader = createTarReader();
  const push = (archive: Buffer) => [...reader.push(archive)];
  const before = usedBytes();
  for (let n = 0; n < 800; n++) {
    const records = new Map([
      [`comment${n}`, Buffer.alloc(500_000, "x")],
      ["uid", Buffer.from(String(n))],
      ["path", Buffer.from("elsewhere")],
      ["size", Buffer.from("512")],
    ]);
    push(extensionOf("g", encodePax(records)));
  }
  const grownBytes = usedBytes() - before;
  assert.ok(grownBytes < 150e6, `${grownBytes} bytes are kept`);
  const [event] = push(encodeEntry(member({ name: "a" }).entry));
  assert.deepEqual(event?.kind === "entry" && event.entry, member({ name: "a" }).entry);
  assert.throws(() => push(extensionOf("g", Buffer.from("no records"))), { kind: "invalid" });
});

test("a sparse map of many records is read in one go", () => {
  const records = Array.from({ length: 25_000 }, (_, n) => [
    `26 GNU.sparse.offset=${n % 10}000\n`,
    "25 GNU.sparse.numbytes=0\n",
  ]);
  const body = Buffer.from(records.flat().join(""));
  const map = decodePax(body).get("GNU.sparse.map")?.toString();
  assert.equal(map?.split(",").length, 50_000);
  assert.ok(map?.startsWith("0000,0,1000,0"));
});

test("the name of a sparse file holds no NUL either", () => {
  const records = new Map(
    Object.entries({ major: "1", minor: "0", name: "a\0b", realsize: "0" }).map(([keyword, value]) => {
      return [`GNU.sparse.${keyword}`, Buffer.from(value)] as const;
    }),
  );
  const archive = Buffer.concat([
    extensionOf("x", encodePax(records)),
    encodeEntry(member({ name: "a" }).entry),
  ]);
  assert.throws(() => readAll(archive), { kind: "invalid", message: "invalid tar header" });
});

test("PAX times keep nanoseconds on both sides of 1970", () => {
  for (const text of ["0", "1.5", "1700000000.123456789", "-1", "-1.5", "-0.000000001"]) {
    assert.equal(formatPaxTime(parsePaxTime(text)), text);
  }
  assert.deepEqual(parsePaxTime("1.1234567899"), { seconds: 1, nanoseconds: 123_456_789 });
  for (const text of ["", "x", "1e9", "1.2.3", "9".repeat(30)]) assert.throws(() => parsePaxTime(text));
});

test("whatever bytes are changed, the outcome is an archive or an error of the user's", () => {
  const archive = writeAll(members);
  // The same sequence each time: a failure can be looked at again.
  let state = 12_345;
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state % below;
  };
  for (let round = 0; round < 3000; round++) {
    const damaged = Buffer.from(archive);
    for (let change = random(4); change >= 0; change--) damaged[random(damaged.length)] = random(256);
    // Most changes are in headers: make their checksums right, so that more than those is looked at.
    for (let at = 0; at < damaged.length; at += 512) {
      if (damaged.toString("latin1", at + 257, at + 262) !== "ustar") continue;
      damaged.fill(0x20, at + 148, at + 156);
      const total = damaged.subarray(at, at + 512).reduce((a, b) => a + b, 0);
      damaged.write(`${total.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
    }
    try {
      readAll(damaged.subarray(0, random(2) ? damaged.length : random(damaged.length)), 700);
    } catch (error) {
      assert.ok(error instanceof EngineError && error.kind === "invalid", `round ${round}: ${error}`);
    }
  }
});

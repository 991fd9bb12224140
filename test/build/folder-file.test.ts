import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { readFolderFile } from "../../src/build/context/folders.ts";

const folder = mkdtempSync(join(tmpdir(), "bt-folder-file-"));
after(() => rmSync(folder, { recursive: true }));
const archive = Buffer.from([0x1f, 0x8b, 0x08, 0xff, 0x00]);
writeFileSync(join(folder, "archive"), archive);
writeFileSync(join(folder, "large"), "head");
truncateSync(join(folder, "large"), 1 << 30);
mkdirSync(join(folder, "directory"));
symlinkSync("/etc/passwd", join(folder, "outside"));

it("a file of a folder is read as it is, whole or in part, and its size is that of all of it", () => {
  assert.deepEqual(readFolderFile(folder, "archive"), { bytes: archive, size: 5 });
  const part = readFolderFile(folder, "archive", { offset: 1, length: 2 });
  assert.deepEqual(part, { bytes: archive.subarray(1, 3), size: 5 });
  for (const range of [{ offset: 9, length: 1 }, { offset: 2, length: -1 }, { offset: 5 }])
    assert.deepEqual(readFolderFile(folder, "archive", range), { bytes: Buffer.alloc(0), size: 5 });
  assert.deepEqual(
    readFolderFile(folder, "archive", { offset: -3, length: 1 })?.bytes,
    archive.subarray(0, 1),
  );
});

it("of a large one only a small part is read, and nothing of what is no file or outside", () => {
  assert.equal(readFolderFile(folder, "large", { offset: 0, length: 4 })?.bytes.toString(), "head");
  assert.equal(readFolderFile(folder, "large", { offset: 0, length: 0 })?.size, 1 << 30);
  assert.throws(() => readFolderFile(folder, "large"), /large is too large/);
  for (const path of ["directory", "outside", "missing", "../archive/x"])
    assert.equal(readFolderFile(folder, path), undefined);
});

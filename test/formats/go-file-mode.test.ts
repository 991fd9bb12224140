import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeGoFileMode, encodeGoFileMode } from "../../src/formats/go-file-mode.ts";

test("modes are encoded as Go's os.FileMode", () => {
  const cases: [number, number][] = [
    [0o100644, 0o644],
    [0o104755, 0x0080_01ed],
    [0o102755, 0x0040_01ed],
    [0o040755, 0x8000_01ed],
    [0o041777, 0x8010_01ff],
    [0o120777, 0x0800_01ff],
    [0o020666, 0x0420_01b6],
    [0o060660, 0x0400_01b0],
    [0o010644, 0x0200_01a4],
    [0o140777, 0x0100_01ff],
  ];
  for (const [mode, goMode] of cases) assert.equal(encodeGoFileMode(mode), goMode, mode.toString(8));
});

test("and are what they were when they are decoded", () => {
  const types = [
    ["file", 0o100000],
    ["directory", 0o040000],
    ["symlink", 0o120000],
    ["characterDevice", 0o020000],
    ["blockDevice", 0o060000],
    ["fifo", 0o010000],
    ["socket", 0o140000],
  ] as const;
  for (const [type, bits] of types)
    for (const mode of [0, 0o644, 0o777, 0o4755, 0o2755, 0o1777, 0o7777])
      assert.deepEqual(decodeGoFileMode(encodeGoFileMode(bits + mode)), { type, mode });
});

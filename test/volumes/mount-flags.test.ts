import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMountFlags } from "../../src/volumes/mount-flags.ts";

test("options of mount(8) are flags of mount(2), a propagation, and words for the file system", () => {
  const cases: [options: string, flags: number, data: string, propagation?: number][] = [
    ["", 0, ""],
    ["defaults", 0, ""],
    ["ro,size=1m,,noexec,uid=5", 0x9, "size=1m,uid=5"],
    ["ro,rw,noexec,exec", 0, ""],
    ["bind,ro", 0x1001, ""],
    ["rbind,rslave", 0x5000, "", 0x84000],
    ["bind,private", 0x1000, "", 0x40000],
    ["addr=10.0.0.1,nolock,soft,rw", 0, "addr=10.0.0.1,nolock,soft"],
    ["rubbish", 0, "rubbish"],
  ];
  for (const [options, flags, data, propagation = 0] of cases)
    assert.deepEqual(parseMountFlags(options), { flags, data, propagation }, options);
});

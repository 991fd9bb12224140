import assert from "node:assert/strict";
import { test } from "node:test";
import { findZoneAbbreviation } from "../../src/formats/time-zone.ts";

/** A zone file: the types by offset and name, and the order in which they were in force. */
function zoneFile(types: [offsetSeconds: number, name: string][], transitions: number[]): Buffer {
  const header = Buffer.alloc(44);
  header.write("TZif2");
  const names = Buffer.from(types.map(([, name]) => `${name}\0`).join(""));
  header.writeUInt32BE(transitions.length, 32);
  header.writeUInt32BE(types.length, 36);
  header.writeUInt32BE(names.length, 40);
  let at = 0;
  const infos = types.map(([offset, name]) => {
    const info = Buffer.alloc(6);
    info.writeInt32BE(offset, 0);
    info.writeUInt8(at, 5);
    at += name.length + 1;
    return info;
  });
  return Buffer.concat([
    header,
    Buffer.alloc(4 * transitions.length),
    Buffer.from(transitions),
    ...infos,
    names,
  ]);
}

const berlin = zoneFile(
  [
    [3208, "LMT"],
    [7200, "CEST"],
    [3600, "CET"],
    [7200, "CEMT"],
  ],
  [3, 2, 1, 2],
);

test("the name is that of the latest rule with the offset", () => {
  assert.equal(findZoneAbbreviation(berlin, 3600), "CET");
  assert.equal(findZoneAbbreviation(berlin, 7200), "CEST");
  assert.equal(findZoneAbbreviation(berlin, 3208), "LMT");
  assert.equal(findZoneAbbreviation(berlin, 0), undefined);
});

test("what is no zone file, or only the beginning of one, has no names", () => {
  assert.equal(findZoneAbbreviation(Buffer.from("nonsense"), 0), undefined);
  for (let length = 0; length < berlin.length; length++) {
    assert.equal(findZoneAbbreviation(berlin.subarray(0, length), 3600), undefined);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  concatenateRanges,
  findFreeStart,
  findSubordinateRanges,
} from "../../src/formats/subordinate-ids.ts";

const user = { name: "me", uid: 1000 };
const read = (text: string) => findSubordinateRanges(text, user);

test("all lines of a user count, by name and by id, in their order", () => {
  const text = "other:1:1\nme:300000:10\n1000:100000:65536\n me:200000:5 \nmeandmore:5:5\n10000:5:5\n";
  assert.deepEqual(read(text), [
    { start: 300_000, size: 10 },
    { start: 100_000, size: 65_536 },
    { start: 200_000, size: 5 },
  ]);
});

test("a line that is none of the grammar gives nothing", () => {
  const hostile = [
    "me",
    "me:1",
    "me:1:2:3",
    "me:-1:5",
    "me:1e3:5",
    "me:0x10:5",
    "me: 1:5",
    "me:1:",
    "me::1",
    "me:99999999999:1",
    "me:1:99999999999",
    `me:${"9".repeat(5000)}:1`,
    "#me:1:1",
    "ME:1:1",
    "\0me:1:1",
    "me\r:1:1",
  ];
  for (const line of hostile) assert.deepEqual(read(`${line}\n`), [], line.slice(0, 20));
});

test("neither the machine's root nor what is beyond all ids is given to anyone", () => {
  assert.deepEqual(read("me:0:65536"), []);
  assert.deepEqual(read("me:1000:0"), []);
  assert.deepEqual(read("me:4294967295:1"), []);
  assert.deepEqual(read("me:4294901760:65536"), []);
  assert.deepEqual(read("me:4294901759:65536"), [{ start: 4_294_901_759, size: 65_536 }]);
});

test("ranges follow each other inside without a gap", () => {
  const ranges = concatenateRanges([
    { start: 300_000, size: 10 },
    { start: 100_000, size: 20 },
  ]);
  assert.deepEqual(ranges, [
    { inside: 0, outside: 300_000, size: 10 },
    { inside: 10, outside: 100_000, size: 20 },
  ]);
});

test("ranges that overlap, and more than the kernel takes, are refused", () => {
  const overlapping = [
    { start: 100, size: 10 },
    { start: 109, size: 1 },
  ];
  assert.throws(() => concatenateRanges(overlapping), { kind: "invalid", message: /at 100 and 109 overlap/ });
  const many = Array.from({ length: 341 }, (_, index) => ({ start: 10 + index * 2, size: 1 }));
  assert.throws(() => concatenateRanges(many), { kind: "invalid", message: /341 ranges/ });
});

test("a new user's ids begin after all that are given", () => {
  assert.equal(findFreeStart(""), 100_000);
  assert.equal(findFreeStart("a:100000:65536\nb:50:1\nnonsense\n"), 165_536);
});

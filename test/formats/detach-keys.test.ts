import assert from "node:assert/strict";
import { it } from "node:test";
import { createDetachFilter, parseDetachKeys } from "../../src/formats/detach-keys.ts";

const type = (filter: ReturnType<typeof createDetachFilter>, text: string) => {
  const { output, detached } = filter(Buffer.from(text));
  return { output: output.toString(), detached };
};

it("parses letters and control keys", () => {
  assert.deepEqual(parseDetachKeys(""), [16, 17]);
  assert.deepEqual(parseDetachKeys("a,ctrl-a,ctrl-@,ctrl-_"), [97, 1, 0, 31]);
  assert.deepEqual(parseDetachKeys("DEL"), [127]);
  for (const wrong of ["ctrl-", "ab", "a,", "ctrl-A", "del", "ä"])
    assert.equal(parseDetachKeys(wrong), undefined);
});

it("finds the keys across chunks and drops what follows", () => {
  const filter = createDetachFilter([0x10, 0x11]);
  assert.deepEqual(type(filter, "ls\n\x10"), { output: "ls\n", detached: false });
  assert.deepEqual(type(filter, "\x11rest"), { output: "", detached: true });
});

it("lets a beginning that was none go on to the container", () => {
  const filter = createDetachFilter([0x10, 0x11]);
  assert.deepEqual(type(filter, "\x10"), { output: "", detached: false });
  assert.deepEqual(type(filter, "x"), { output: "\x10x", detached: false });
  assert.deepEqual(type(filter, "\x10\x10\x11"), { output: "\x10", detached: true });
});

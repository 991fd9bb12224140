import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { readUpload } from "../../src/api/upload-body.ts";

it("a client that sends nothing is given up, and its connection stays", async () => {
  const input = new PassThrough();
  const body = readUpload(input, 20);
  input.write("some");
  let text = "";
  await assert.rejects(
    async () => {
      for await (const chunk of body) text += chunk;
    },
    { kind: "unavailable", message: /did not send the rest in time/ },
  );
  assert.equal(text, "some");
  assert.equal(input.destroyed, false);
});

it("a reader that takes its time is not the client's silence", async () => {
  const input = new PassThrough();
  const body = readUpload(input, 20);
  input.end(Buffer.alloc(1 << 20));
  let bytes = 0;
  for await (const chunk of body) {
    if (bytes === 0) await wait(100);
    bytes += chunk.length;
  }
  assert.equal(bytes, 1 << 20);
});

it("without patience it waits", async () => {
  const input = new PassThrough();
  const body = readUpload(input);
  const first = once(body, "data");
  await wait(50);
  input.write("late");
  assert.equal(String((await first)[0]), "late");
  body.destroy();
});

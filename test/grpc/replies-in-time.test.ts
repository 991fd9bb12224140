import assert from "node:assert/strict";
import { it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { repliesInTime } from "../../src/grpc/client-content.ts";

function makeCall(replies: AsyncIterable<number>) {
  return {
    replies,
    isCancelled: false,
    cancel() {
      this.isCancelled = true;
    },
  };
}

it("a client that says nothing more is given up with its call", async () => {
  const call = makeCall(
    (async function* () {
      yield 1;
      await new Promise(() => {});
    })(),
  );
  const seen: number[] = [];
  await assert.rejects(
    async () => {
      for await (const one of repliesInTime(call, 20)) seen.push(one);
    },
    { kind: "unavailable" },
  );
  assert.deepEqual(seen, [1]);
  assert.ok(call.isCancelled);
});

it("a reader may take its time, and the call is over with it", async () => {
  const call = makeCall(
    (async function* () {
      yield* [1, 2, 3];
    })(),
  );
  for await (const one of repliesInTime(call, 20)) {
    await wait(60);
    if (one === 2) break;
  }
  assert.ok(call.isCancelled);
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createQueue } from "../../src/sys/queue.ts";

describe("a queue", () => {
  it("runs one thing after the other, in the order of the calls", async () => {
    const inTurn = createQueue();
    const seen: string[] = [];
    const work = (name: string, pauses: number) =>
      inTurn(async () => {
        seen.push(`${name} begins`);
        for (let pause = 0; pause < pauses; pause++) await setImmediate();
        seen.push(`${name} ends`);
        return name;
      });
    assert.deepEqual(await Promise.all([work("long", 5), work("short", 0)]), ["long", "short"]);
    assert.deepEqual(seen, ["long begins", "long ends", "short begins", "short ends"]);
  });
  it("goes on after what has failed, which its caller hears of", async () => {
    const inTurn = createQueue();
    const failed = inTurn(() => Promise.reject(new Error("broken")));
    const next = inTurn(async () => "done");
    await assert.rejects(failed, /broken/);
    assert.equal(await next, "done");
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createGate, createQueue } from "../../src/sys/queue.ts";

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

describe("a gate", () => {
  it("forgets what is no longer wanted while it waits, and lets the next one in", async () => {
    const enter = createGate(1);
    const first = Promise.withResolvers<string>();
    const begun: string[] = [];
    const work = (name: string) => async () => begun.push(name);
    const running = enter(() => first.promise);
    const stop = new AbortController();
    const unwanted = enter(work("unwanted"), stop.signal);
    const next = enter(work("next"), new AbortController().signal);
    stop.abort(new Error("the client has gone"));
    await assert.rejects(unwanted, /the client has gone/);
    first.resolve("done");
    assert.equal(await running, "done");
    await next;
    assert.deepEqual(begun, ["next"]);
    await assert.rejects(enter(work("late"), stop.signal), /the client has gone/);
    assert.deepEqual(begun, ["next"]);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Container, type ContainerRecord, initialState } from "../../src/containers/container.ts";

const make = () => new Container({ state: { ...initialState } } as ContainerRecord);

describe("a container", () => {
  it("refuses what cannot happen to it, and stays what it was", () => {
    const container = make();
    assert.throws(() => container.enter("paused"), /a container that is created cannot be paused/);
    assert.equal(container.phase, "created");
    container.enter("started");
    container.enter("paused");
    assert.deepEqual(
      [container.record.state.Running, container.record.state.Paused, container.can("exec")],
      [true, true, false],
    );
  });

  it("has an intent for as long as one of those who have it", () => {
    const container = make();
    const [first, second] = [container.intend("restart"), container.intend("restart")];
    first();
    first();
    assert.ok(container.intends("restart"));
    assert.ok(!container.isLeaving);
    second();
    assert.ok(!container.intends("restart"));
    const endRemoval = container.intend("removal");
    assert.ok(container.isLeaving);
    endRemoval();
    assert.ok(!container.isLeaving);
  });

  it("tells of its end who waits for that, and not who waits for its removal", async () => {
    const container = make();
    container.enter("started");
    const told: string[] = [];
    for (const condition of ["not-running", "next-exit", "removed"] as const)
      void container.wait(condition).then(({ exitCode }) => told.push(`${condition} ${exitCode}`));
    container.notifyExit({ exitCode: 3 });
    await Promise.resolve();
    assert.deepEqual(told.splice(0), ["not-running 3", "next-exit 3"]);
    container.notifyRemoved({ exitCode: 3 });
    await Promise.resolve();
    assert.deepEqual(told, ["removed 3"]);
  });

  it("does one thing after another, whatever fails", async () => {
    const container = make();
    const order: number[] = [];
    const slow = container.enqueue(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push(1);
      throw new Error("one");
    });
    const next = container.enqueue(() => void order.push(2));
    await assert.rejects(slow, /one/);
    await next;
    assert.deepEqual(order, [1, 2]);
  });
});

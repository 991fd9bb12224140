import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, it, mock } from "node:test";
import { setLongTimeout, waitLong } from "../../src/sys/long-timeout.ts";

const longestOfNode = 2 ** 31 - 1;

describe("a long timeout", () => {
  const arrange = (milliseconds: number) => {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout"] });
    let fired = 0;
    const cancel = setLongTimeout(() => void fired++, milliseconds);
    return { fired: () => fired, cancel };
  };

  it("fires once, after as long as was said, also when Node's own would fire at once", () => {
    for (const milliseconds of [0, 10, longestOfNode, longestOfNode + 1, 3 * longestOfNode + 5]) {
      const { fired } = arrange(milliseconds);
      let left = milliseconds;
      for (; left > longestOfNode; left -= longestOfNode) mock.timers.tick(longestOfNode);
      if (left > 0) mock.timers.tick(left - 1);
      assert.equal(fired(), 0, `${milliseconds}`);
      mock.timers.tick(1);
      assert.equal(fired(), 1, `${milliseconds}`);
    }
    mock.timers.reset();
  });

  it("never fires for ever, and not once it was ended", () => {
    for (const milliseconds of [Number.POSITIVE_INFINITY, longestOfNode + 10]) {
      const { fired, cancel } = arrange(milliseconds);
      mock.timers.tick(longestOfNode);
      mock.timers.tick(5);
      cancel();
      mock.timers.tick(longestOfNode);
      assert.equal(fired(), 0);
    }
    mock.timers.reset();
  });
});

describe("a wait with a signal", () => {
  it("is over at its time, and leaves nothing with the signal", async () => {
    const { signal } = new AbortController();
    for (let run = 0; run < 3; run++) await waitLong(1, signal);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  it("is over when the signal is aborted, then or before", async () => {
    const controller = new AbortController();
    const waiting = waitLong(Number.POSITIVE_INFINITY, controller.signal);
    controller.abort();
    await waiting;
    await waitLong(Number.POSITIVE_INFINITY, controller.signal);
  });
});

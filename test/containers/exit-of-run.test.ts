import assert from "node:assert/strict";
import { it } from "node:test";
import type { Container } from "../../src/containers/container.ts";
import { isOfThisRun } from "../../src/containers/lifecycle/exit.ts";

it("an exit that is told late is not taken for the end of the process that was started since", () => {
  const container = { record: { state: { Pid: 7 }, startTicks: 100 } } as Container;
  const exit = { process: "x", exitCode: 137, at: 1 };
  assert.equal(isOfThisRun(container, { ...exit, pid: 7, startTicks: 100 }), true);
  assert.equal(isOfThisRun(container, { ...exit, pid: 6, startTicks: 90 }), false);
  assert.equal(
    isOfThisRun(container, { ...exit, pid: 7, startTicks: 90 }),
    false,
    "the number was used again",
  );
  assert.equal(isOfThisRun(container, exit), true, "a supervisor of an earlier version does not say");
  const stopped = { record: { state: { Pid: 0 }, startTicks: 0 } } as Container;
  assert.equal(
    isOfThisRun(stopped, { ...exit, pid: 6, startTicks: 90 }),
    true,
    "there is something to clear away",
  );
});

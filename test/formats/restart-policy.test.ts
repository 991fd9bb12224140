import assert from "node:assert/strict";
import { it } from "node:test";
import {
  checkRestartPolicy,
  nextDelayMilliseconds,
  shouldRestart,
  shouldStartWithDaemon,
} from "../../src/formats/restart-policy.ts";

const policy = (Name: "no" | "always" | "unless-stopped" | "on-failure", MaximumRetryCount = 0) => ({
  Name,
  MaximumRetryCount,
});
const ended = (exitCode: number, restartCount = 0, stoppedByUser = false) => ({
  exitCode,
  restartCount,
  stoppedByUser,
});

it("restarts by the policy, the exit code and the count", () => {
  assert.equal(shouldRestart(policy("no"), ended(1)), false);
  assert.equal(shouldRestart(policy("always"), ended(0, 1000)), true);
  assert.equal(shouldRestart(policy("unless-stopped"), ended(0)), true);
  assert.equal(shouldRestart(policy("on-failure"), ended(0)), false);
  assert.equal(shouldRestart(policy("on-failure"), ended(1, 1000)), true);
  assert.equal(shouldRestart(policy("on-failure", 2), ended(1, 1)), true);
  assert.equal(shouldRestart(policy("on-failure", 2), ended(1, 2)), false);
  assert.equal(shouldRestart(policy("always"), ended(1, 0, true)), false);
});

it("starts always with the daemon, unless-stopped unless stopped, and on-failure by the exit code and the count", () => {
  assert.equal(shouldStartWithDaemon(policy("no"), ended(1)), false);
  assert.equal(shouldStartWithDaemon(policy("always"), ended(0, 0, true)), true);
  assert.equal(shouldStartWithDaemon(policy("unless-stopped"), ended(1, 0, true)), false);
  assert.equal(shouldStartWithDaemon(policy("unless-stopped"), ended(0)), true);
  assert.equal(shouldStartWithDaemon(policy("on-failure"), ended(0)), false);
  assert.equal(shouldStartWithDaemon(policy("on-failure"), ended(1)), true);
  assert.equal(shouldStartWithDaemon(policy("on-failure", 2), ended(1, 1)), true);
  assert.equal(shouldStartWithDaemon(policy("on-failure", 2), ended(1, 2)), false);
  // As with Docker 28.
  assert.equal(shouldStartWithDaemon(policy("on-failure"), ended(137, 0, true)), true);
});

it("doubles the delay from 100 ms to a minute and begins again after ten seconds up", () => {
  const delays: number[] = [];
  for (let delay: number | undefined, n = 0; n < 12; n++) {
    delay = nextDelayMilliseconds(delay, 0);
    delays.push(delay);
  }
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
  assert.equal(nextDelayMilliseconds(60000, 9_999), 60000);
  assert.equal(nextDelayMilliseconds(60000, 10_000), 100);
});

it("refuses policies that mean nothing", () => {
  assert.throws(
    () => checkRestartPolicy({ Name: "sometimes" as "no", MaximumRetryCount: 0 }, false),
    /unknown policy 'sometimes'/,
  );
  assert.throws(() => checkRestartPolicy(policy("always", 3), false), /on-failure/);
  assert.throws(() => checkRestartPolicy(policy("on-failure", -1), false), /negative/);
  assert.throws(() => checkRestartPolicy(policy("always"), true), /AutoRemove/);
  checkRestartPolicy(policy("no"), true);
});

import assert from "node:assert/strict";
import { it } from "node:test";
import { delayMilliseconds, type Health, judge, newHealth } from "../../../src/containers/health/judge.ts";
import { type Probe, readProbe } from "../../../src/containers/health/probe.ts";

const startedAt = "2026-01-01T00:00:00Z";
const probe: Probe = {
  args: ["true"],
  intervalMilliseconds: 30_000,
  timeoutMilliseconds: 1000,
  startPeriodMilliseconds: 10_000,
  startIntervalMilliseconds: 500,
  retries: 3,
};
const result = (ExitCode: number, second: number) => {
  const at = `2026-01-01T00:00:${String(second).padStart(2, "0")}Z`;
  return { Start: at, End: at, ExitCode, Output: "" };
};
/** Results by exit code, each with its second after the start. */
const after = (results: [code: number, second: number][], health: Health = newHealth()) =>
  results.reduce((current, [code, second]) => judge(current, result(code, second), probe, startedAt), health);

it("a container is starting until it is healthy, or has failed as often as it may", () => {
  assert.equal(newHealth().Status, "starting");
  assert.equal(after([[0, 20]]).Status, "healthy");
  assert.deepEqual(
    after([
      [1, 20],
      [1, 21],
    ]),
    {
      ...after([
        [1, 20],
        [1, 21],
      ]),
      Status: "starting",
      FailingStreak: 2,
    },
  );
  assert.equal(
    after([
      [1, 20],
      [1, 21],
      [1, 22],
    ]).Status,
    "unhealthy",
  );
});
it("one success makes it healthy, and its failures count from the first again", () => {
  const ill = after([
    [1, 20],
    [1, 21],
    [1, 22],
  ]);
  assert.deepEqual([after([[0, 30]], ill).Status, after([[0, 30]], ill).FailingStreak], ["healthy", 0]);
  assert.equal(
    after([
      [0, 20],
      [1, 21],
      [1, 22],
      [0, 23],
      [1, 24],
      [1, 25],
    ]).Status,
    "healthy",
  );
});
it("within the start period failures are excused, until the first success", () => {
  assert.deepEqual(
    [
      after([
        [1, 1],
        [1, 2],
        [1, 3],
        [1, 4],
      ]).FailingStreak,
    ],
    [0],
  );
  assert.equal(
    after([
      [0, 1],
      [1, 2],
      [1, 3],
      [1, 4],
    ]).Status,
    "unhealthy",
  );
});
it("the last five results are kept", () => {
  const codes = after(Array.from({ length: 9 }, (_, second) => [second, second])).Log.map(
    ({ ExitCode }) => ExitCode,
  );
  assert.deepEqual(codes, [4, 5, 6, 7, 8]);
});
it("probes come faster within the start period, as long as it has not been healthy", () => {
  assert.equal(delayMilliseconds(newHealth(), probe, 5000), 500);
  assert.equal(delayMilliseconds(newHealth(), probe, 10_000), 30_000);
  assert.equal(delayMilliseconds(after([[0, 1]]), probe, 5000), 30_000);
  assert.equal(delayMilliseconds(newHealth(), { ...probe, startPeriodMilliseconds: 0 }, 0), 30_000);
});
it("what a check leaves open is Docker's", () => {
  const read = (Healthcheck: object, Shell?: string[]) => readProbe({ Healthcheck, Shell } as never);
  assert.deepEqual(read({ Test: ["CMD-SHELL", "curl -f x || exit 1"] }), {
    args: ["/bin/sh", "-c", "curl -f x || exit 1"],
    intervalMilliseconds: 30_000,
    timeoutMilliseconds: 30_000,
    startPeriodMilliseconds: 0,
    startIntervalMilliseconds: 5000,
    retries: 3,
  });
  assert.deepEqual(read({ Test: ["CMD-SHELL", "x"] }, ["/bin/bash", "-ec"])?.args, ["/bin/bash", "-ec", "x"]);
  assert.deepEqual(read({ Test: ["CMD", "a", "b"], Interval: 1e9, Retries: 1 })?.intervalMilliseconds, 1000);
  for (const none of [{ Test: ["NONE"] }, { Test: [] }, { Test: ["curl", "-f", "x"] }, {}, undefined])
    assert.equal(read(none as object), undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTimeFlag } from "../../src/cli/time-flag.ts";

const now = Date.parse("2026-01-02T03:04:05.678Z");

test("--since takes durations, Unix seconds and times", () => {
  assert.equal(parseTimeFlag("since", "", now), undefined);
  assert.equal(parseTimeFlag("since", "10m", now), `${(now - 678) / 1000 - 600}.678000000`);
  assert.equal(parseTimeFlag("since", "1700000000.5", now), "1700000000.5");
  assert.equal(parseTimeFlag("since", "2026-01-02T03:04:05.123456789Z", now), "1767323045.123456789");
  assert.equal(parseTimeFlag("since", "2026-01-02T03:04:05+01:00", now), "1767319445.000000000");
  assert.equal(parseTimeFlag("since", "2026-01-02T03:04Z", now), "1767323040.000000000");
});

test("what is no time is refused in Docker's words", () => {
  for (const text of ["foo", "2026-13-01", "2026-01-02T99:00:00Z", "10x", "2026-01-02junk"]) {
    assert.throws(() => parseTimeFlag("since", text, now), {
      message: `invalid value for "since": failed to parse value as time or duration: ${JSON.stringify(text)}`,
    });
  }
});

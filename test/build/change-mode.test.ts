import assert from "node:assert/strict";
import { it } from "node:test";
import { changeMode } from "../../src/build/solve/change-mode.ts";

const cases: [before: number, change: string, after: number][] = [
  [0o644, "755", 0o755],
  [0o644, "4755", 0o4755],
  [0o644, "0", 0],
  [0o644, "u+x", 0o744],
  [0o644, "+x", 0o755],
  [0o777, "go-w", 0o755],
  [0o777, "u=rw,go=r", 0o644],
  [0o644, "a=rX", 0o444],
  [0o744, "a=rX", 0o555],
  [0o755, "u+s,g+s,+t", 0o7755],
  [0o4755, "u-s", 0o755],
  [0o644, "u+x-w", 0o544],
];
for (const [before, change, after] of cases)
  it(`--chmod=${change} makes ${after.toString(8)} of ${before.toString(8)}`, () =>
    assert.equal(changeMode(before, change, false).toString(8), after.toString(8)));

it("X is for directories as well", () => assert.equal(changeMode(0o600, "a+X", true), 0o711));

for (const change of ["", "8", "17777", "u", "x+u", "u+z", "u+x,", "-1", "0x1ff", "u+x;", "7".repeat(9999)])
  it(`--chmod=${change.slice(0, 20)} is refused`, () =>
    assert.throws(() => changeMode(0o644, change, false), {
      kind: "invalid",
      message: /invalid chmod parameter/,
    }));

import assert from "node:assert/strict";
import { test } from "node:test";
import { openSolving } from "../../src/build/open-solving.ts";
import type { SolveRooms } from "../../src/build/solve/solving.ts";

test("a build lets go of all that it has, also of what comes after something that it cannot let go of", () => {
  const done: string[] = [];
  const logger = { error: (about: { error: Error }) => done.push(about.error.message) };
  const rooms = { logger, closers: new Set(), onBuildOver: () => done.push("over") };
  const { solving, close } = openSolving(rooms as unknown as SolveRooms, {
    sessionId: "",
    session: () => Promise.reject(new Error("none")),
    report: () => {},
    signal: new AbortController().signal,
  });
  const fail = () => {
    throw new Error("stuck");
  };
  solving.onClose(fail);
  solving.onClose(() => done.push("first"));
  const letGo = solving.hold();
  close();
  assert.deepEqual(done, []);
  letGo();
  assert.deepEqual(done, ["stuck", "first", "over"]);
  solving.onClose(fail);
  assert.deepEqual(done.slice(3), ["stuck", "over"]);
  assert.equal(rooms.closers.size, 0);
});

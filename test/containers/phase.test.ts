import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Change,
  can,
  describePhase,
  nextPhase,
  type Operation,
  type Phase,
} from "../../src/containers/lifecycle/phase.ts";

const phases: Phase[] = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

/** One row for each change, one column for each phase in the order of `phases`; "-" cannot happen. */
const changes: Record<Change, string> = {
  started: "running - - running - running -",
  startFailed: "created - - exited - exited -",
  startCutOff: "- - - restarting - restarting -",
  paused: "- paused - - - - -",
  unpaused: "- - running - - - -",
  ended: "- exited exited - - - -",
  endedForRestart: "- restarting restarting - - - -",
  restartCancelled: "- - - exited - - -",
  removalBegun: "removing - - removing removing removing removing",
  removalFailed: "- - - - dead - -",
  foundRunning: "running - - running running running running",
  foundEnded: "- exited exited exited - - -",
};

const operations: Record<Operation, string> = {
  start: "yes no no yes no yes no",
  stop: "no yes yes yes no no no",
  kill: "no yes yes yes no no no",
  pause: "no yes no no no no no",
  unpause: "no no yes no no no no",
  exec: "no yes no no no no no",
  resize: "no yes yes no no no no",
  attach: "yes yes no no yes yes yes",
  remove: "yes no no no no yes yes",
};

describe("the phases of a container", () => {
  for (const [change, row] of Object.entries(changes)) {
    it(`change with "${change}" as the table says, and no others`, () => {
      const seen = phases.map((phase) => nextPhase(phase, change as Change) ?? "-");
      assert.equal(seen.join(" "), row);
    });
  }

  for (const [operation, row] of Object.entries(operations)) {
    it(`allow "${operation}" as the table says`, () => {
      const seen = phases.map((phase) => (can(phase, operation as Operation) ? "yes" : "no"));
      assert.equal(seen.join(" "), row);
    });
  }

  it("are all reached by some change", () => {
    const reached = new Set(
      phases.flatMap((phase) => Object.keys(changes).map((change) => nextPhase(phase, change as Change))),
    );
    for (const phase of phases) assert.ok(reached.has(phase), phase);
  });

  it("have Docker's booleans", () => {
    const shown = phases.map((phase) => {
      const { Status, Running, Paused, Restarting, Dead } = describePhase(phase);
      return [Status, ...[Running, Paused, Restarting, Dead].map(Number)].join(" ");
    });
    assert.deepEqual(shown, [
      "created 0 0 0 0",
      "running 1 0 0 0",
      "paused 1 1 0 0",
      "restarting 1 0 1 0",
      "removing 0 0 0 0",
      "exited 0 0 0 0",
      "dead 0 0 0 1",
    ]);
  });
});

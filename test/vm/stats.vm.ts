import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { testSleeper } from "../follow-stats.ts";

describe("stats on pure cgroup v2", () => {
  const { engine, berth } = useEngine();

  it("of one that sleeps show what changes as soon as it does something, and its new limits", () =>
    testSleeper(engine, berth));
});

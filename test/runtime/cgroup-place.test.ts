import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expandSlice, placeCgroup } from "../../src/runtime/cgroup-place.ts";

describe("the place of a container's cgroup", () => {
  it("is a path where the runtime makes it", () => {
    assert.deepEqual(placeCgroup("cgroupfs", "/berth", "id"), {
      path: "/berth/id",
      argument: "/berth/id",
      driver: "cgroupfs",
    });
    assert.equal(placeCgroup("cgroupfs", "../../x", "id").path, "/x/id");
    assert.equal(placeCgroup("cgroupfs", "own.slice", "id").path, "/own.slice/id");
  });

  it("is a scope where systemd makes it", () => {
    assert.deepEqual(placeCgroup("systemd", "system.slice", "id"), {
      path: "/system.slice/berth-id.scope",
      argument: "system.slice:berth:id",
      driver: "systemd",
    });
    assert.equal(expandSlice("a-b-c.slice"), "/a.slice/a-b.slice/a-b-c.slice");
    assert.equal(expandSlice("-.slice"), "/");
  });

  it("is in a slice then, and nowhere else", () => {
    const message = 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"';
    for (const name of [
      "",
      "/berth",
      "x",
      ".slice",
      "/a.slice",
      "../a.slice",
      "a--b.slice",
      "-a.slice",
      "a b.slice",
      "a:b.slice",
    ])
      assert.throws(() => placeCgroup("systemd", name, "id"), { kind: "invalid", message }, name);
  });
});

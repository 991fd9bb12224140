import assert from "node:assert/strict";
import { it } from "node:test";
import type { Container } from "../../src/containers/container.ts";
import type { Containers } from "../../src/containers/containers.ts";
import { lookForOom } from "../../src/containers/lifecycle/oom.ts";

it("a kill for want of memory that was seen still counts once the cgroup has gone", () => {
  const containers = {} as Containers;
  const container = { record: { cgroup: "/bt-no-such-cgroup" } } as Container;
  assert.equal(lookForOom(containers, container), false);
  container.oom = { kills: 0, isStuck: true };
  assert.equal(lookForOom(containers, container), false);
  container.oom = { kills: 1, isStuck: false };
  assert.equal(lookForOom(containers, container), true);
});

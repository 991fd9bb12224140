import assert from "node:assert/strict";
import { it } from "node:test";
import type { Containers } from "../../src/containers/containers.ts";
import { createClose } from "../../src/engine/close.ts";

it("closes all that an engine has, once, and lets its data root go, although the networks cannot be stopped", async () => {
  const taken: string[] = [];
  const step = (name: string) => async () => void taken.push(name);
  const containers = {
    ...{ closing: false, byId: new Map(), leaving: new Map(), settings: {} },
    networks: { stop: async () => assert.fail("no netlink") },
    supervisor: { close: step("supervisor") },
    ...{ images: { close: step("images") }, volumes: { close: step("volumes") } },
    ...{
      archives: { close: step("archives") },
      launcher: { close: step("launcher") },
      cdi: { close: step("cdi") },
    },
  } as unknown as Containers;
  const close = createClose(containers, { first: [step("builder")], last: [step("state"), step("unlock")] });
  const both = await Promise.allSettled([close(), close({ stopContainers: true })]);
  assert.deepEqual(
    both.map((one) => one.status === "rejected" && one.reason.message),
    ["no netlink", "no netlink"],
  );
  assert.ok(containers.closing);
  assert.deepEqual([taken[0], ...taken.slice(-2)], ["builder", "state", "unlock"]);
  assert.deepEqual(taken.slice(1, -2).sort(), [
    "archives",
    "cdi",
    "images",
    "launcher",
    "supervisor",
    "volumes",
  ]);
});

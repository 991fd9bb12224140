import assert from "node:assert/strict";
import { it } from "node:test";
import type { Containers } from "../../src/containers/containers.ts";
import { conflict, forbidden, internal, notFound } from "../../src/errors.ts";
import { pruneNetworks } from "../../src/system/prune.ts";

it("what cannot be pruned is left alone, and logged where that is no matter of course", async () => {
  const failures: Record<string, Error> = {
    used: conflict("in use"),
    gone: notFound("no such network"),
    kept: forbidden("not to be removed"),
    broken: internal("netlink has failed"),
    full: Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" }),
  };
  const logged: unknown[] = [];
  const networks = {
    list: () =>
      [...Object.keys(failures), "free"].map((name) => ({ id: name, name, labels: {}, created: "" })),
    hasEndpoints: () => false,
    async removeNetwork(id: string) {
      if (failures[id]) throw failures[id];
    },
  };
  const logger = { warn: ({ error }: { error: unknown }) => void logged.push(error) };
  const subject = { containers: { networks, logger } as unknown as Containers };
  assert.deepEqual(await pruneNetworks(subject, new Map(), new AbortController().signal), {
    NetworksDeleted: ["free"],
  });
  assert.deepEqual(logged, [failures.broken, failures.full]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createEvents } from "../../src/events/events.ts";
import { createLogger } from "../../src/logger.ts";
import { closeSandbox, type OpenSandboxes } from "../../src/networks/close-sandbox.ts";
import { createAddressPool } from "../../src/networks/ipam.ts";
import { openSandbox, type SandboxRequest } from "../../src/networks/open-sandbox.ts";
import { networkKind, newBareNetwork, poolsOf } from "../../src/networks/records.ts";

const network = networkKind.read({
  ...newBareNetwork("lan", "bridge"),
  // Room for one container.
  ipam: [{ subnet: "10.0.0.0/30", gateway: "10.0.0.1" }],
  bridge: { link: "bridge0", mtu: 1500 },
});

/** Sandboxes on a machine whose packet filter cannot be written at an end, and where no namespace is made if `openNetns` fails. */
function start(openNetns: () => Promise<unknown>) {
  const pools = poolsOf(network).map((pool) => createAddressPool(pool, "lan"));
  const stored = new Set<string>();
  const none = () => {};
  const all = {
    ...{ sandboxes: new Map(), tableName: "berth", events: createEvents(), logger: createLogger("silent") },
    store: {
      put: ({ id }: { id: string }) => stored.add(id),
      delete: ({ id }: { id: string }) => stored.delete(id),
    },
    catalog: {
      ...{ getNetwork: () => network, findNetwork: () => network, isNamed: () => false },
      addressPools: (_: unknown, family: 4 | 6) => (family === 4 ? pools : []),
    },
    drivers: { bridge: { ready: async () => {}, interfaceOf: none } },
    kernel: { openNetns },
    links: { scheduleSweep: none },
    names: { isAble: () => false, remove: none, tell: async () => {} },
    publishing: { publishAddress: undefined, canRelay: () => false },
    publishedPorts: {
      ...{ publish: async () => [], link: async () => {} },
      async unpublish() {
        if (all.sandboxes.size > 0 || stored.size > 0) throw new Error("nft: no space left");
      },
    },
  } as unknown as OpenSandboxes;
  const request: SandboxRequest = {
    ...{ owner: { kind: "container", id: "1" }, ownerName: "one", hostname: "", mode: "lan" },
    ...{ endpoints: { lan: {} }, portBindings: {}, exposedPorts: [], publishAll: false },
    ...{ nameServers: [], hasNdots: false },
  };
  const hasRoom = () => pools.every((pool) => pool.hasRoom());
  return { all, request, stored, hasRoom };
}

test("addresses are given back also where the packet filter cannot be written at the end", async () => {
  const { all, request, stored, hasRoom } = start(async () => ({ fd: -1, userFd: undefined, links: [] }));
  await openSandbox(all, request);
  assert.equal(hasRoom(), false);
  const told: string[] = [];
  all.events.subscribe(({ Action }) => void told.push(Action));
  await assert.rejects(closeSandbox(all, "1"), { message: "nft: no space left" });
  assert.equal(hasRoom(), true);
  assert.deepEqual([all.sandboxes.size, stored.size, told.length], [0, 0, 1]);
});

test("the same after a start that failed, which says why it did", async () => {
  const { all, request, hasRoom } = start(async () => {
    throw new Error("no namespace");
  });
  await assert.rejects(openSandbox(all, request), {
    message: "failed to create the network sandbox: no namespace",
  });
  assert.equal(hasRoom(), true);
  assert.equal(all.sandboxes.size, 0);
});

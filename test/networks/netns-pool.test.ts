import assert from "node:assert/strict";
import { after, test } from "node:test";
import { parseSubnet } from "../../src/formats/ip-address.ts";
import type { Interface } from "../../src/networks/interface.ts";
import { createHostLinks } from "../../src/networks/links.ts";
import { createNetnsPool, type NetnsRequest } from "../../src/networks/netns-pool.ts";
import { closeNetns, enterNewNetns } from "../../src/sys/netns.ts";
import { eventually } from "../engine.ts";

// Of this process alone, with all that is made below.
enterNewNetns();
const links = createHostLinks();
const pool = createNetnsPool(links);
after(() => {
  pool.close();
  links.socket.close();
});
links.ensureBridge({
  ...{ name: "pool0", alias: "pool0", mtu: 1500, isForeign: false, isSeparated: false },
  addresses: [parseSubnet("10.91.0.1/24")!],
});

const vethsThere = () => links.listLinks().filter(({ name }) => name.startsWith("veth"));

function requestOn(bridge: string): NetnsRequest {
  const eth0: Interface = {
    ...{ name: "eth0", attachment: { kind: "veth", bridge, isIsolated: false, alias: "an endpoint" } },
    ...{ addresses: [parseSubnet("10.91.0.2/24")!], gateways: [], macAddress: "", mtu: 1500, sysctls: [] },
  };
  return { interfaces: [eth0], redirectsNames: false, mapping: undefined };
}

function fillUp(): void {
  while (pool.prepare(undefined));
}

test("one that waits is taken, and no other is made", () => {
  fillUp();
  const before = vethsThere().map(({ name }) => name);
  const opened = pool.open(requestOn("pool0"));
  assert.ok(before.includes(opened.links[0]!));
  assert.equal(vethsThere().length, before.length);
  closeNetns(opened.fd);
});

for (const left of [0, 1]) {
  test(`links that were removed while they waited are made again, ${left} of them being left`, () => {
    fillUp();
    const waiting = vethsThere();
    for (const { name } of waiting.slice(left)) links.removeLink(name);
    for (let number = 0; number < 2; number++) {
      const opened = pool.open(requestOn("pool0"));
      assert.ok(vethsThere().some(({ name, alias }) => name === opened.links[0] && alias === "an endpoint"));
      closeNetns(opened.fd);
    }
  });
}

test("without its bridge none is opened, whatever waits, and nothing stays", async () => {
  fillUp();
  assert.throws(() => pool.open(requestOn("gone0")), { code: "ENODEV" });
  // The kernel takes a namespace down some time after it was closed.
  await eventually(vethsThere, ({ length }) => length === 0);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "../../src/logger.ts";
import { createIpvlanDriver } from "../../src/networks/drivers/ipvlan.ts";
import { createMacvlanDriver } from "../../src/networks/drivers/macvlan.ts";
import type { Kernel } from "../../src/networks/kernel.ts";
import type { MarkedLink } from "../../src/networks/links.ts";
import { parentMark } from "../../src/networks/marks.ts";
import type { ParentLink } from "../../src/networks/parent-link.ts";
import { type NetworkRecord, networkKind, newBareNetwork, type Uplink } from "../../src/networks/records.ts";

/** A machine with both drivers, and the links that they have made there with their aliases. */
function startDrivers() {
  const links = new Map([["eth0", ""]]);
  let known: NetworkRecord[] = [];
  const kernel = {
    requireKind: async () => {},
    ensureParent: async ({ name, alias }: ParentLink) => void links.set(name, alias),
    listLinks: async () => [...links].map(([name, alias]) => ({ name, alias })),
    removeLink: async (name: string) => void links.delete(name),
    async removeOwnLink({ name, marks }: MarkedLink) {
      if (marks.includes(links.get(name) ?? "")) links.delete(name);
    },
  } as unknown as Kernel;
  const options = { kernel, logger: createLogger("silent"), networks: () => known, tableName: "berth" };
  const drivers = { macvlan: createMacvlanDriver(options), ipvlan: createIpvlanDriver(options) };
  const surroundings = () => ({
    networks: known,
    links: [...links.keys()].map((name) => ({ name })),
    addressesOf: () => [],
    findFreeSubnet: () => ({ address: { family: 4, value: 0x0a000000n }, prefixLength: 24 }),
  });
  return {
    links,
    async create(driver: "macvlan" | "ipvlan", parent: string): Promise<Uplink | undefined> {
      const bare = { ...newBareNetwork(driver, driver), options: { parent } };
      const { uplink } = drivers[driver].plan({ ...bare, pools: [] }, surroundings() as never);
      const network = networkKind.read({ ...bare, uplink });
      known = [...known, network];
      await drivers[driver].setUp(network);
      return uplink;
    },
    async remove(driver: "macvlan" | "ipvlan"): Promise<void> {
      const gone = known.find((network) => network.driver === driver);
      known = known.filter((network) => network !== gone);
      if (gone) await drivers[driver].tearDown(gone);
    },
    async restore(): Promise<void> {
      for (const [name, driver] of Object.entries(drivers))
        await driver.restore(known.filter((network) => network.driver === name));
    },
  };
}

test("a VLAN link that networks of both drivers are on stays until the last of them goes", async () => {
  for (const [first, second] of [
    ["macvlan", "ipvlan"],
    ["ipvlan", "macvlan"],
  ] as const) {
    const { links, create, remove, restore } = startDrivers();
    await create(first, "eth0.7");
    assert.equal((await create(second, "eth0.7"))?.made, "vlan");
    await remove(first);
    await restore();
    assert.ok(links.has("eth0.7"));
    await remove(second);
    assert.deepEqual([...links.keys()], ["eth0"]);
  }
});

test("a VLAN link of a network that is gone is taken, whichever driver had it", async () => {
  const { links, restore } = startDrivers();
  for (const kind of ["macvlan", "ipvlan"] as const) links.set(`eth0.${kind}`, parentMark("berth", kind));
  links.set("eth0.8", "the administrator's");
  await restore();
  assert.deepEqual([...links.keys()], ["eth0", "eth0.8"]);
});

test("a link that has taken the place of one with a VLAN number stays when its network goes", async () => {
  const { links, create, remove } = startDrivers();
  await create("macvlan", "eth0.7");
  links.set("eth0.7", "");
  await remove("macvlan");
  assert.ok(links.has("eth0.7"));
});

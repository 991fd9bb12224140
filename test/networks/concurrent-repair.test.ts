import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { run, startNetworks, type TestNetworks } from "./machine.ts";

const onBridge = (link: string) => ({ Name: link, Options: { "com.docker.network.bridge.name": link } });

const isLink = (name: string) => run("ip -o link show").includes(` ${name}: `);
const isFiltered = (name: string) => run("nft list table inet berth-test").includes(`"${name}"`);

describe("while the networks are put right", () => {
  let started: TestNetworks;
  before(async () => {
    started = await startNetworks();
    // Enough of them that a repair is still at work when another network is done with.
    for (let number = 0; number < 8; number++)
      await started.networks.createNetwork(onBridge(`many${number}`));
  });
  after(() => started.stop());

  test("a network that is made has its bridge and its place in the packet filter", async () => {
    const { networks } = started;
    await Promise.all([networks.adopt(() => []), networks.createNetwork(onBridge("late0"))]);
    assert.deepEqual([isLink("late0"), isFiltered("late0")], [true, true]);
  });

  test("a network that is removed stays away", async () => {
    const { networks } = started;
    await networks.createNetwork(onBridge("late1"));
    assert.deepEqual([isLink("late1"), isFiltered("late1")], [true, true]);
    await Promise.all([networks.adopt(() => []), networks.removeNetwork("late1")]);
    assert.deepEqual([isLink("late1"), isFiltered("late1")], [false, false]);
  });
});

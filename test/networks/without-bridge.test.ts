import assert from "node:assert/strict";
import { test } from "node:test";
import { newRequest, run, startAgent, startNetworks } from "./machine.ts";

const hasLink = () => run("ip -o link").includes("berth-test0");

test("a default bridge that is no longer wanted stays for those who are on it, goes after them, and comes back", async () => {
  const machine = await startNetworks();
  try {
    const request = newRequest();
    const sandbox = await machine.networks.open(request);
    const agent = await startAgent(sandbox.netnsPath);
    sandbox.release();
    const without = { bridgeName: "none", bip4: undefined };

    let networks = await machine.restart(without);
    await networks.adopt(() => [request.owner.id]);
    assert.equal(networks.hasDefaultBridge, false);
    assert.ok(hasLink());
    assert.equal(networks.view(request.owner.id)?.endpoints.bridge?.IPAddress, "10.90.0.2");
    await agent.stop();
    await networks.close(request.owner.id);

    networks = await machine.restart(without);
    await networks.adopt(() => []);
    assert.ok(!hasLink());
    assert.deepEqual(
      networks
        .list()
        .map(({ name }) => name)
        .sort(),
      ["host", "none"],
    );
    await assert.rejects(networks.open(newRequest()), /network bridge not found/);
    const alone = newRequest({ mode: "none", endpoints: {} });
    const opened = await networks.open(alone);
    opened.release();
    assert.deepEqual(opened.endpoints, {});
    await networks.close(alone.owner.id);

    networks = await machine.restart({ bridgeName: "berth-test0" });
    await networks.adopt(() => []);
    assert.ok(hasLink() && networks.hasDefaultBridge);
    assert.ok(networks.findNetwork("bridge"));
  } finally {
    await machine.stop();
  }
});

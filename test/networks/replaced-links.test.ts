import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bridgeMark } from "../../src/networks/marks.ts";
import { eventually } from "../engine.ts";
import { newRequest, run, startNetworks, type TestNetworks } from "./machine.ts";

/** What `ip` says of a link. */
const shown = (link: string) =>
  run(`ip -o addr show dev ${link}; ip -o link show dev ${link}`).replaceAll(" tentative", "");

/** As an administrator makes one while no daemon runs, in the place of the engine's. */
const replaceBridge = (link: string, address: string) =>
  run(
    `ip link del ${link} && ip link add ${link} type bridge && ip addr add ${address} dev ${link} && ip link set ${link} up`,
  );

async function canOpen({ networks }: { networks: TestNetworks["networks"] }, mode: string): Promise<void> {
  const request = newRequest({ mode });
  (await networks.open(request)).release();
  await networks.close(request.owner.id);
}

const onBridge = (link: string) => ({ Options: { "com.docker.network.bridge.name": link } });

describe("a bridge of the administrator's in the place of the engine's", () => {
  test("is left alone: containers start on the other networks, and on its own once it is gone", async () => {
    const started = await startNetworks();
    await started.networks.createNetwork({ Name: "mine", ...onBridge("mine0") });
    replaceBridge("mine0", "10.95.1.1/24");
    const before = shown("mine0");
    const networks = await started.restart();
    assert.equal(shown("mine0"), before);
    await canOpen({ networks }, "bridge");
    await assert.rejects(canOpen({ networks }, "mine"), {
      message: /the bridge mine0 is not this engine's: another program has made it/,
    });
    assert.doesNotMatch(run("nft list table inet berth-test"), /mine0/);
    // The link of the container that was there goes a moment after it.
    const [finding, ...others] = await eventually(
      () => networks.check(() => []),
      (findings) => findings.length === 1,
    );
    assert.deepEqual([finding?.subject, others], ["bridge mine0", []]);
    await finding?.repair?.();
    assert.equal(shown("mine0"), before);
    run("ip link del mine0");
    await canOpen({ networks }, "mine");
    assert.match(run("nft list table inet berth-test"), /mine0/);
    await started.stop();
    assert.throws(() => shown("mine0"), /does not exist/);
  });

  test("stays when the network is removed, and when the engine goes", async () => {
    const started = await startNetworks();
    for (const name of ["mine1", "mine2"])
      await started.networks.createNetwork({ Name: name, ...onBridge(name) });
    replaceBridge("mine1", "10.95.2.1/24");
    replaceBridge("mine2", "10.95.3.1/24");
    const before = [shown("mine1"), shown("mine2")];
    const networks = await started.restart();
    await networks.removeNetwork("mine1");
    await started.stop();
    assert.deepEqual([shown("mine1"), shown("mine2")], before);
    run("ip link del mine1 && ip link del mine2");
  });

  test("is the engine's own where an early version made it, which set no mark", async () => {
    const started = await startNetworks();
    await started.networks.createNetwork({ Name: "early", ...onBridge("early0") });
    run("ip link set early0 alias ''");
    await started.restart();
    assert.match(shown("early0"), new RegExp(`alias ${bridgeMark("berth-test")}`));
    await started.stop();
    assert.throws(() => shown("early0"), /does not exist/);
  });

  test("is no bridge at all", async () => {
    const started = await startNetworks();
    await started.networks.createNetwork({ Name: "odd", ...onBridge("odd0") });
    run("ip link del odd0 && ip link add odd0 type veth peer name odd1 && ip addr add 10.95.4.1/24 dev odd0");
    const before = shown("odd0");
    const networks = await started.restart();
    await assert.rejects(canOpen({ networks }, "odd"), {
      message: /existing interface odd0 is not a bridge/,
    });
    await started.stop();
    assert.equal(shown("odd0"), before);
    run("ip link del odd0");
  });

  test("is one that was there before where it is the default bridge", async () => {
    const started = await startNetworks();
    replaceBridge("berth-test0", "10.95.5.1/24");
    const before = shown("berth-test0");
    await assert.rejects(started.restart(), { kind: "invalid", message: /exists and keeps its addresses/ });
    assert.equal(shown("berth-test0"), before);
    started.state.close();
    run("ip link del berth-test0 && nft delete table inet berth-test");
  });
});

describe("a parent link that the engine makes", () => {
  const onParent = (Driver: string, third: number, parent = "") => ({
    ...{ Driver, Options: { parent } },
    IPAM: { Config: [{ Subnet: `10.71.${third}.0/24` }] },
  });
  const parentOf = ({ networks }: Pick<TestNetworks, "networks">, name: string) =>
    networks.getNetwork(name).uplink?.parent ?? "";

  test("is used and stays where the administrator has made another in its place", async () => {
    const started = await startNetworks();
    await started.networks.createNetwork({ Name: "lan", ...onParent("macvlan", 1) });
    const link = parentOf(started, "lan");
    run(`ip link del ${link} && ip link add ${link} type veth peer name lan1 && ip link set ${link} up`);
    const before = shown(link);
    const networks = await started.restart();
    assert.equal(shown(link), before);
    await canOpen({ networks }, "lan");
    await networks.removeNetwork("lan");
    assert.equal(shown(link), before);
    await started.stop();
    run(`ip link del ${link}`);
  });
});

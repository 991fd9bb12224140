import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { run, startNetworks } from "./machine.ts";

/** What `ip` says of a link: its addresses and whether it is up. */
const shown = (link: string) =>
  run(`ip -o addr show dev ${link}; ip -o link show dev ${link}`).replaceAll(" tentative", "");

describe("a default bridge that was there before the engine", () => {
  test("keeps its addresses, gives the containers its subnet, and stays when the engine goes", async () => {
    run(
      "ip link add own0 type bridge && ip addr add 10.95.0.7/24 dev own0 && ip addr add 10.96.0.1/24 dev own0 && ip link set own0 up",
    );
    const before = shown("own0");
    const started = await startNetworks({ bridgeName: "own0", bip4: undefined });
    const subnetOf = () => started.networks.inspect(started.networks.getNetwork("bridge"), []).IPAM.Config;
    assert.deepEqual(subnetOf(), [{ Subnet: "10.95.0.0/24", Gateway: "10.95.0.7" }]);
    assert.equal(shown("own0"), before);
    await started.restart();
    assert.deepEqual(subnetOf(), [{ Subnet: "10.95.0.0/24", Gateway: "10.95.0.7" }]);
    await started.stop();
    assert.equal(shown("own0"), before);
    run("ip link del own0");
  });

  test("takes no other address", async () => {
    run("ip link add own1 type bridge && ip addr add 10.97.0.1/24 dev own1");
    const before = shown("own1");
    await assert.rejects(startNetworks({ bridgeName: "own1" }), {
      kind: "invalid",
      message: /the bridge own1 exists and keeps its addresses: .* --bridge .* --bip, not both/,
    });
    assert.equal(shown("own1"), before);
  });

  test("is no link of another kind: that one is left alone", async () => {
    run("ip link add card0 type veth peer name card1 && ip addr add 10.98.0.1/24 dev card0");
    for (const link of ["lo", "card0"]) {
      const before = shown(link);
      await assert.rejects(startNetworks({ bridgeName: link, bip4: undefined }), {
        kind: "invalid",
        message: `existing interface ${link} is not a bridge`,
      });
      assert.equal(shown(link), before);
    }
  });

  test("is the engine's own where it bears its mark, and its records are gone", async () => {
    run("ip link add own2 type bridge && ip link set own2 alias 'berth berth-test'");
    const started = await startNetworks({ bridgeName: "own2", bip4: "10.99.0.1/24" });
    assert.match(shown("own2"), /10\.99\.0\.1\/24/);
    await started.stop();
    assert.throws(() => shown("own2"), /does not exist/);
  });
});

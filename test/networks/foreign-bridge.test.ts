import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { newRequest, run, startAgent, startNetworks } from "./machine.ts";

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

describe("the containers of other programs under a bridge of the machine", () => {
  /** A link as another container's, under own3. */
  const plug = (name: string, alias: string) =>
    run(
      `ip link add ${name} type veth peer name p${name} && ip link set ${name} master own3 && ip link set ${name} alias '${alias}'`,
    );
  const ports = () =>
    [...run("ip -o link show master own3").matchAll(/^\d+: ([^@:]+)/gm)].map(([, name]) => name);

  test("keep their links, while those of the engine's own ended ones go", async () => {
    const id = "c0ffee11".repeat(8);
    run("ip link add own3 type bridge && ip addr add 10.94.0.1/24 dev own3");
    const strangers = { other0: "", other1: "a container", other2: `berth another ${id}` };
    for (const [name, alias] of Object.entries(strangers)) plug(name, alias);
    const started = await startNetworks();
    const { networks } = started;
    await networks.createNetwork({ Name: "own", Options: { "com.docker.network.bridge.name": "own3" } });
    const request = newRequest({ mode: "own" });
    const sandbox = await networks.open(request);
    const agent = await startAgent(sandbox.netnsPath);
    sandbox.release();
    assert.equal(ports().length, 4);
    // The second as an earlier version marked it.
    plug("gone0", `berth berth-test ${id}`);
    plug("gone1", id);
    const problems = await networks.check(() => [request.owner.id]);
    assert.deepEqual(problems.map(({ subject }) => subject).sort(), ["link gone0", "link gone1"]);
    await networks.adopt(() => [request.owner.id]);
    assert.equal(ports().length, 4);
    await agent.stop();
    await networks.close(request.owner.id);
    await networks.adopt(() => []);
    assert.deepEqual(ports().sort(), Object.keys(strangers));
    await started.stop();
    run("ip link del own3");
    for (const name of Object.keys(strangers)) run(`ip link del ${name}`);
  });
});

test("a name that a packet filter takes for those of many links is refused for the default bridge", async () => {
  for (const bridgeName of ["br+", "br*", "all"])
    await assert.rejects(startNetworks({ bridgeName }), { message: `invalid bridge name: ${bridgeName}` });
});

test("a link of another kind in the place of the machine's bridge keeps no daemon from starting", async () => {
  run("ip link add own4 type bridge && ip addr add 10.93.0.1/24 dev own4");
  const started = await startNetworks();
  await started.networks.createNetwork({
    Name: "own",
    Options: { "com.docker.network.bridge.name": "own4" },
  });
  const request = newRequest({ mode: "own" });
  const sandbox = await started.networks.open(request);
  const agent = await startAgent(sandbox.netnsPath);
  sandbox.release();
  const networks = await started.restart({}, () =>
    run("ip link del own4 && ip link add own4 type veth peer name own5"),
  );
  await networks.adopt(() => [request.owner.id]);
  assert.ok(networks.view(request.owner.id));
  const next = newRequest();
  (await networks.open(next)).release();
  for (const { owner } of [next, request]) await networks.close(owner.id);
  await agent.stop();
  await started.stop();
  run("ip link del own4");
});

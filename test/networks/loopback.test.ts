import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { PortMap } from "../../src/formats/docker-api/docker-api.ts";
import { eventually } from "../engine.ts";
import {
  type Agent,
  listElements,
  newRequest,
  run,
  startAgent,
  startNetworks,
  type TestNetworks,
} from "./machine.ts";

describe("this machine's loopback", () => {
  let started: TestNetworks;
  let machine: Agent;
  before(async () => {
    started = await startNetworks();
    machine = await startAgent();
    await machine.serve("tcp", 9000, "machine");
  });
  after(async () => {
    await machine.stop();
    await started.stop();
  });

  const routes = (link = "berth-test0") => run(`cat /proc/sys/net/ipv4/conf/${link}/route_localnet`).trim();

  async function startContainer(hostIp: string | undefined, hostPort: string, mode = "bridge") {
    const portBindings: PortMap =
      hostIp === undefined ? {} : { "80/tcp": [{ HostIp: hostIp, HostPort: hostPort }] };
    const request = newRequest({ mode, portBindings });
    const sandbox = await started.networks.open(request);
    const agent = await startAgent(sandbox.netnsPath);
    sandbox.release();
    await agent.serve("tcp", 80, "web");
    const live = request.owner.id;
    return {
      agent,
      live,
      async stop() {
        await agent.stop();
        await started.networks.close(request.owner.id);
      },
    };
  }

  test("is carried by a bridge only while something there is published on it", async () => {
    await started.networks.createNetwork({ Name: "other" });
    const other = started.networks.getNetwork("other").bridge?.link ?? "";
    assert.deepEqual([routes(), routes(other)], ["0", "0"]);
    const plain = await startContainer(undefined, "");
    const elsewhere = await startContainer("10.90.0.1", "8600");
    assert.equal(routes(), "0");
    const local = await startContainer("127.0.0.1", "8601");
    assert.deepEqual([routes(), routes(other)], ["1", "0"]);
    const all = await startContainer("", "8602", "other");
    assert.deepEqual([routes(), routes(other)], ["1", "1"]);
    assert.match(await machine.ask("tcp", "127.0.0.1", 8601), /^web sees/);
    assert.match(await machine.ask("tcp", "127.0.0.1", 8602), /^web sees/);
    await local.stop();
    assert.deepEqual([routes(), routes(other)], ["0", "1"]);
    assert.match(await machine.ask("tcp", "127.0.0.1", 8602), /^web sees/);
    await all.stop();
    assert.equal(routes(other), "0");
    for (const container of [plain, elsewhere]) await container.stop();
    await started.networks.removeNetwork("other");
  });

  test("stays as it must be over a restart of the daemon, whatever was set meanwhile", async () => {
    const local = await startContainer("127.0.0.1", "8603");
    const networks = await started.restart();
    assert.match(await machine.ask("tcp", "127.0.0.1", 8603), /^web sees/);
    run("echo 0 > /proc/sys/net/ipv4/conf/berth-test0/route_localnet");
    await networks.adopt(() => [local.live]);
    assert.match(await machine.ask("tcp", "127.0.0.1", 8603), /^web sees/);
    await networks.adopt(() => []);
    assert.equal(routes(), "0");
    await local.agent.stop();
    await started.stop();
    started = await startNetworks();
  });

  for (const loss of [
    "flush ruleset",
    "delete table inet berth-test",
    "flush chain inet berth-test loopback_guard",
    "flush map inet berth-test into",
  ]) {
    test(`is closed to containers when somebody does \`nft ${loss}\`, and the table comes back by itself`, async () => {
      const local = await startContainer("127.0.0.1", "8604");
      const attacker = await startContainer(undefined, "");
      run(
        `nsenter --net=/proc/${attacker.agent.pid}/ns/net sh -c 'ip addr del 127.0.0.1/8 dev lo; ` +
          "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet; ip route add 127.0.0.0/8 via 10.90.0.1'",
      );
      const before = run("nft list table inet berth-test");
      run(`nft ${loss}`);
      // Before Linux 6.9 nothing bars the way until the loss is noticed.
      if (run("nft list tables").includes("berth-test-loopback"))
        assert.equal(await attacker.agent.askInVain("tcp", "127.0.0.1", 9000), "silence");
      const table = () => run("nft list table inet berth-test || :");
      await eventually(table, (text) => text === before);
      await eventually(routes, (value) => value === "1");
      assert.equal(listElements().length, 1);
      assert.match(await machine.ask("tcp", "127.0.0.1", 8604), /^web sees/);
      assert.equal(await attacker.agent.askInVain("tcp", "127.0.0.1", 9000), "silence");
      const findings = await started.networks.check(() => [local.live, attacker.live]);
      assert.match(findings[0]?.problem ?? "", /: another program did it; it was put right at once$/);
      await findings[0]?.repair?.();
      assert.deepEqual(await started.networks.check(() => [local.live, attacker.live]), []);
      for (const container of [local, attacker]) await container.stop();
    });
  }

  test("of another engine is none of this one's business", async () => {
    run(
      "nft add table inet berth-other; nft add chain inet berth-other forward; nft delete table inet berth-other",
    );
    const local = await startContainer("127.0.0.1", "8605");
    assert.equal(routes(), "1");
    await local.stop();
  });
});

test("loopback stays closed to containers when the ruleset is flushed while no daemon runs", async () => {
  const options = { bridgeName: "berth-test9", bip4: "10.91.0.1/24", tableName: "berth-test9" };
  const { networks } = await startNetworks(options);
  const machine = await startAgent();
  await machine.serve("tcp", 9001, "machine");
  const sandbox = await networks.open(
    newRequest({ portBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8607" }] } }),
  );
  const agent = await startAgent(sandbox.netnsPath);
  sandbox.release();
  run(
    `nsenter --net=/proc/${agent.pid}/ns/net sh -c 'ip addr del 127.0.0.1/8 dev lo; ` +
      "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet; ip route add 127.0.0.0/8 via 10.91.0.1'",
  );
  await networks.stop();
  run("nft flush ruleset");
  // Linux before 6.9 has no table that outlives both.
  if (run("nft list tables").includes("berth-test9-loopback"))
    assert.equal(await agent.askInVain("tcp", "127.0.0.1", 9001), "silence");
  await Promise.all([agent.stop(), machine.stop()]);
  const next = await startNetworks(options);
  await next.stop();
  assert.equal(run("nft list tables | grep -v berth-forwarding || :"), "");
});

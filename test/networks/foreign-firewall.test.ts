import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../engine.ts";
import { type Agent, newRequest, run, startAgent, startNetworks, startOutside } from "./machine.ts";

/** What other engines and ufw leave on a machine: whatever is forwarded and not accepted is dropped. */
const firewalls = {
  "a FORWARD policy of DROP": { program: "iptables-nft", rules: ["-P FORWARD DROP"] },
  "Docker's chains": {
    program: "iptables-nft",
    rules: ["-P FORWARD DROP", "-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-A FORWARD -j DOCKER-USER"],
  },
  "a last rule that refuses all": {
    program: "iptables-nft",
    rules: ["-A FORWARD -j REJECT --reject-with icmp-host-prohibited"],
  },
  "a last rule of the old iptables": { program: "iptables-legacy", rules: ["-A FORWARD -j DROP"] },
  "the old iptables": { program: "iptables-legacy", rules: ["-P FORWARD DROP"] },
};

describe("beside a firewall that drops what is forwarded", () => {
  let outside: Agent;
  before(async () => {
    outside = await startOutside();
    await outside.serve("tcp", 7, "outside");
  });
  after(() => outside.stop());

  for (const [name, { program, rules }] of Object.entries(firewalls)) {
    test(`(${name}) containers reach out and published ports are reached, and no rule stays`, async () => {
      for (const rule of rules) run(`${program} ${rule}`);
      const before = run(`${program} -S`);
      const started = await startNetworks();
      const { networks } = started;
      const request = newRequest({ portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8500" }] } });
      const sandbox = await networks.open(request);
      const agent = await startAgent(sandbox.netnsPath);
      sandbox.release();
      await agent.serve("tcp", 80, "web");
      await agent.serve("tcp", 81, "hidden");
      assert.equal(await outside.ask("tcp", "198.51.100.1", 8500), "web sees 198.51.100.2");
      assert.match(await agent.ask("tcp", "198.51.100.2", 7), /^outside sees 198\.51\.100\.1$/);
      assert.equal(await outside.askInVain("tcp", sandbox.endpoints.bridge?.IPAddress ?? "", 81), "silence");
      const during = run(`${program} -S`);
      assert.match(during, /-i berth-test0 .*--comment berth-test -j ACCEPT/);
      await networks.adopt(() => []);
      assert.equal(run(`${program} -S`), during);
      await agent.stop();
      await started.stop();
      assert.equal(run(`${program} -S`), before);
      run(`${program} -P FORWARD ACCEPT; ${program} -F; ${program} -X`);
    });
  }

  test("rules of networks that stay are never taken out when another one comes or goes", async () => {
    run("iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -j REJECT");
    const started = await startNetworks();
    const list = () =>
      run("nft -a list chain ip filter FORWARD")
        .split("\n")
        .filter((line) => line.includes('"berth-test0"'));
    const before = list();
    assert.equal(before.length, 2);
    await started.networks.createNetwork({ Name: "other" });
    assert.match(run("iptables-nft -S"), /(-A FORWARD -i [^\n]*\n){2}-A FORWARD -j REJECT/);
    assert.deepEqual(list(), before, "with the same handles");
    await started.networks.removeNetwork("other");
    assert.deepEqual(list(), before, "with the same handles");
    const second = await startNetworks({
      ...{ bip4: "10.91.0.1/24", bridgeName: "berth-test1", tableName: "berth-test-1" },
    });
    await started.networks.createNetwork({ Name: "third" });
    await started.networks.removeNetwork("third");
    assert.deepEqual(list(), before, "nor for those of another engine");
    await second.stop();
    run("iptables-nft -I FORWARD 3 -d 203.0.113.9 -j DROP");
    await started.networks.createNetwork({ Name: "next" });
    assert.match(run("iptables-nft -S"), /-d 203[^\n]*\n(-A FORWARD -i [^\n]*\n){2}-A FORWARD -j REJECT/);
    await started.networks.removeNetwork("next");
    await started.stop();
    assert.doesNotMatch(run("iptables-nft -S"), /berth-test/);
    run("iptables-nft -P FORWARD ACCEPT; iptables-nft -F");
  });

  for (const [name, { program, changes }] of Object.entries({
    "iptables-nft": {
      program: "iptables-nft",
      changes: ["-F FORWARD", "-P FORWARD ACCEPT; -A FORWARD -j DROP"],
    },
    "the old iptables": { program: "iptables-legacy", changes: ["-F FORWARD"] },
  }))
    test(`(${name}) what another program does to its rules is noticed`, async () => {
      run(`${program} -P FORWARD DROP`);
      const started = await startNetworks();
      const list = () => run(`${program} -S FORWARD`);
      const rules =
        /-o berth-test0 .*-j ACCEPT\n(.*\n)*.*-i berth-test0 .*-j ACCEPT\n(-A FORWARD -j DROP\n)?$/;
      assert.match(list(), rules);
      for (const change of changes) {
        for (const words of change.split("; ")) run(`${program} ${words}`);
        await eventually(list, (text) => rules.test(text));
      }
      await started.stop();
      run(`${program} -P FORWARD ACCEPT; ${program} -F`);
    });

  /** How Docker keeps its containers from others, before its version 28 and since. */
  const dockers = {
    "Docker 20": [
      "-N DOCKER; -N DOCKER-USER; -N DOCKER-ISOLATION-STAGE-1; -N DOCKER-ISOLATION-STAGE-2",
      "-A DOCKER-USER -j RETURN; -A DOCKER-ISOLATION-STAGE-2 -o dock0 -j DROP",
      "-A DOCKER-ISOLATION-STAGE-1 -i dock0 ! -o dock0 -j DOCKER-ISOLATION-STAGE-2",
      "-A DOCKER -d 172.29.0.2/32 ! -i dock0 -o dock0 -p tcp --dport 80 -j ACCEPT",
      "-A FORWARD -j DOCKER-USER; -A FORWARD -j DOCKER-ISOLATION-STAGE-1; -A FORWARD -o dock0 -j DOCKER",
      "-A FORWARD -i dock0 ! -o dock0 -j ACCEPT; -P FORWARD DROP",
    ],
    "Docker 28": [
      "-N DOCKER; -N DOCKER-USER; -N DOCKER-FORWARD; -N DOCKER-BRIDGE",
      "-A DOCKER -d 172.29.0.2/32 ! -i dock0 -o dock0 -p tcp --dport 80 -j ACCEPT",
      "-A DOCKER ! -i dock0 -o dock0 -j DROP; -A DOCKER-BRIDGE -o dock0 -j DOCKER",
      "-A DOCKER-FORWARD -j DOCKER-BRIDGE; -A DOCKER-FORWARD -i dock0 -j ACCEPT",
      "-A FORWARD -j DOCKER-USER; -A FORWARD -j DOCKER-FORWARD; -P FORWARD DROP",
    ],
    "a filter that refuses all else": [
      "-N DOCKER-USER; -A FORWARD -j DOCKER-USER",
      "-A FORWARD -o dock0 -d 172.29.0.2/32 -p tcp --dport 80 -j ACCEPT",
      "-A FORWARD -o dock0 -j DROP; -A FORWARD -j REJECT",
    ],
  };
  for (const [name, rules] of Object.entries(dockers)) {
    test(`(${name}) its containers stay closed to ours, but for what it publishes`, async () => {
      for (const rule of rules.flatMap((line) => line.split("; "))) run(`iptables-nft ${rule}`);
      const theirs = await startAgent("new");
      run(
        "ip link add dock0 type bridge; ip addr add 172.29.0.1/24 dev dock0; ip link set dock0 up;" +
          `ip link add dock1 type veth peer name dock2; ip link set dock1 master dock0 up; ip link set dock2 netns ${theirs.pid};` +
          `nsenter --net=/proc/${theirs.pid}/ns/net sh -c 'ip addr add 172.29.0.2/24 dev dock2; ip link set dock2 up; ip route add default via 172.29.0.1'`,
      );
      await theirs.serve("tcp", 80, "published");
      await theirs.serve("tcp", 81, "hidden");
      const before = run("iptables-nft -S");
      const started = await startNetworks();
      const request = newRequest();
      const sandbox = await started.networks.open(request);
      const agent = await startAgent(sandbox.netnsPath);
      sandbox.release();
      await agent.serve("tcp", 82, "ours");
      assert.match(await agent.ask("tcp", "198.51.100.2", 7), /^outside sees/);
      assert.match(await agent.ask("tcp", "172.29.0.2", 80), /^published sees/);
      assert.equal(await agent.askInVain("tcp", "172.29.0.2", 81), "silence");
      assert.equal(await theirs.askInVain("tcp", sandbox.endpoints.bridge?.IPAddress ?? "", 82), "silence");
      const during = run("iptables-nft -S");
      await started.networks.adopt(() => []);
      assert.equal(run("iptables-nft -S"), during);
      await Promise.all([agent.stop(), theirs.stop()]);
      await started.stop();
      assert.equal(run("iptables-nft -S"), before);
      run("iptables-nft -P FORWARD ACCEPT; iptables-nft -F; iptables-nft -X; ip link del dock0");
    });
  }

  test("IPv6 passes a filter that drops it as well, and no rule stays", async () => {
    run(
      "ip addr add 2001:db8:1::1/64 dev out0 nodad; ip6tables-nft -P FORWARD DROP;" +
        `nsenter --net=/proc/${outside.pid}/ns/net sh -c 'ip addr add 2001:db8:1::2/64 dev out1 nodad; ip route add default via 2001:db8:1::1'`,
    );
    const before = run("ip6tables-nft -S");
    const started = await startNetworks();
    assert.equal(run("ip6tables-nft -S"), before);
    await started.networks.createNetwork({ Name: "dual", EnableIPv6: true });
    const portBindings = { "80/tcp": [{ HostIp: "", HostPort: "8510" }] };
    const sandbox = await started.networks.open(newRequest({ mode: "dual", portBindings }));
    const agent = await startAgent(sandbox.netnsPath);
    sandbox.release();
    await agent.serve("tcp", 80, "web");
    await outside.serve("tcp", 8, "outside");
    assert.equal(await outside.ask("tcp", "2001:db8:1::1", 8510), "web sees 2001:db8:1::2");
    assert.equal(await agent.ask("tcp", "2001:db8:1::2", 8), "outside sees 2001:db8:1::1");
    await started.networks.adopt(() => []);
    await started.networks.removeNetwork("dual");
    assert.equal(run("ip6tables-nft -S"), before);
    await agent.stop();
    await started.stop();
    run("ip6tables-nft -P FORWARD ACCEPT");
  });

  test("a machine without one is left as it is", async () => {
    run("nft flush ruleset");
    const started = await startNetworks();
    assert.doesNotMatch(run("nft list ruleset"), /table ip filter/);
    await started.stop();
  });
});

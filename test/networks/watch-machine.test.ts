import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Agent, newRequest, run, startAgent, startNetworks, type TestNetworks } from "./machine.ts";

/** What another program does, and what is right again once it has been noticed. */
const changes: [what: string, command: string, isRight: () => boolean][] = [
  ["a deleted bridge", "ip link del berth-test0", () => /state UP/.test(run("ip link show berth-test0"))],
  [
    "a deleted bridge of a user's network",
    "ip link del brmine",
    () => /10\.93\.0\.1\/24.*fd93::1\/64/s.test(run("ip addr show brmine")),
  ],
  [
    "an address that was taken from a bridge",
    "ip addr flush dev brmine",
    () => /10\.93\.0\.1\/24.*fd93::1\/64/s.test(run("ip addr show brmine")),
  ],
  [
    "forwarding that was switched off",
    "echo 0 >/proc/sys/net/ipv4/ip_forward",
    () => run("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/brmine/forwarding") === "1\n1\n",
  ],
  [
    "forwarding that was switched off for one bridge",
    "echo 0 >/proc/sys/net/ipv4/conf/brmine/forwarding",
    () => run("cat /proc/sys/net/ipv4/conf/brmine/forwarding") === "1\n",
  ],
  [
    "IPv6 forwarding that was switched off",
    "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding",
    () => run("cat /proc/sys/net/ipv6/conf/all/forwarding") === "1\n",
  ],
  ["a parent link that the engine has made", "ip link del $(ip -o link | grep -o 'dm-[0-9a-f]*')", hasParent],
  ["everything at once", "ip link del brmine; ip link del berth-test0; nft flush ruleset", hasParent],
];

function hasParent(): boolean {
  return /dm-[0-9a-f]{12}/.test(run("ip -o link"));
}

const isThere = (isRight: () => boolean): boolean => {
  try {
    return isRight();
  } catch {
    // There is no such link now.
    return false;
  }
};

describe("what another program does to the networks of this machine", () => {
  let started: TestNetworks;
  let server: Agent;
  let client: Agent;
  let machine: Agent;
  const request = newRequest({
    mode: "mine",
    portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8960" }] },
  });
  const other = newRequest();
  const live = () => [request.owner.id, other.owner.id];

  before(async () => {
    started = await startNetworks();
    const { networks } = started;
    await networks.createNetwork({
      Name: "mine",
      EnableIPv6: true,
      IPAM: { Config: [{ Subnet: "10.93.0.0/24" }, { Subnet: "fd93::/64" }] },
      Options: { "com.docker.network.bridge.name": "brmine" },
    });
    await networks.createNetwork({ Name: "alone", Driver: "macvlan" });
    const sandboxes = [await networks.open(request), await networks.open(other)] as const;
    [server, client] = [await startAgent(sandboxes[0].netnsPath), await startAgent(sandboxes[1].netnsPath)];
    for (const sandbox of sandboxes) sandbox.release();
    machine = await startAgent();
    await server.serve("tcp", 80, "web");
    await networks.adopt(live);
  });
  after(async () => {
    await Promise.all([server.stop(), client.stop(), machine.stop()]);
    await started.stop();
  });

  for (const [what, command, isRight] of changes)
    test(`is noticed and put right: ${what}`, async () => {
      run(command);
      while (!isThere(isRight)) await new Promise((resolve) => setTimeout(resolve, 10));
      // The packets find their way as soon as the links do.
      for (let answer = ""; !answer.startsWith("web sees"); )
        answer = await machine.askInVain("tcp", "127.0.0.1", 8960);
      for (let answer = ""; !answer.startsWith("web sees"); )
        answer = await client.askInVain("tcp", "10.90.0.1", 8960);
      let findings: string[] = ["not looked yet"];
      while (findings.length > 0)
        findings = (await started.networks.check(live))
          .map(({ subject, problem }) => `${subject}: ${problem}`)
          .filter((text) => !/put right at once/.test(text));
      assert.deepEqual(findings, []);
    });

  test("is left as it is where the administrator answers for forwarding", async () => {
    await started.networks.adopt(live);
    const networks = await started.restart({ enablesForwarding: false });
    run("echo 0 >/proc/sys/net/ipv4/ip_forward");
    await networks.adopt(live);
    assert.deepEqual(await networks.check(live), []);
    assert.equal(run("cat /proc/sys/net/ipv4/ip_forward"), "0\n");
    started.networks = await started.restart();
    assert.equal(run("cat /proc/sys/net/ipv4/ip_forward"), "1\n");
    await started.networks.adopt(live);
  });

  test("is found by a check that comes before the notice, and mended by its repair", async () => {
    run("ip link set brmine down");
    const findings = await started.networks.check(live);
    const found = findings.map(({ subject, problem }) => `${subject}: ${problem}`);
    assert.ok(found.includes("bridge brmine: it is down"), found.join("\n"));
    await findings[0]?.repair?.();
    assert.match(run("ip link show brmine"), /state UP/);
  });
});

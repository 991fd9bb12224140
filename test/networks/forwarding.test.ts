import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { eventually } from "../engine.ts";
import { type Agent, newRequest, run, startAgent, startNetworks, type TestNetworks } from "./machine.ts";

const settings = "/proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding";
const set = (value: "0" | "1" | "2") => run(`for setting in ${settings}; do echo ${value} >$setting; done`);
const listGuards = () => run("nft list tables").match(/^table ip6? berth-forwarding$/gm) ?? [];

/** A neighbour on a link of its own, with a default route to this machine. */
async function startNeighbour(number: number, attach = ""): Promise<Agent> {
  const agent = await startAgent("new");
  const [link, four, six] = [`side${number}`, `198.51.${number}`, `fd51:${number}::`];
  const owner = attach || link;
  run(
    [
      `ip link add ${link} type veth peer name far0 netns ${agent.pid}`,
      attach ? `ip link add ${attach} type bridge && ip link set ${link} master ${attach}` : ":",
      `ip addr add ${four}.1/24 dev ${owner} && ip -6 addr add ${six}1/64 dev ${owner} nodad`,
      `ip link set ${link} up && ip link set ${owner} up`,
      `nsenter --net=/proc/${agent.pid}/ns/net sh -ec 'ip link set lo up; ip addr add ${four}.2/24 dev far0;` +
        ` ip -6 addr add ${six}2/64 dev far0 nodad; ip link set far0 up;` +
        ` ip route add default via ${four}.1; ip -6 route add default via ${six}1'`,
    ].join(" && "),
  );
  await agent.serve("tcp", 7, "neighbour");
  return agent;
}

describe("a machine between others", () => {
  let started: TestNetworks;
  let left: Agent;
  let bridged: Agent;
  const agents: Agent[] = [];

  before(async () => {
    for (const [number, attach] of [[1], [2], [3, "another0"]] as const)
      agents.push(await startNeighbour(number, attach));
    [left, , bridged] = agents as [Agent, Agent, Agent];
  });
  beforeEach(() => {
    run("nft flush ruleset");
    set("0");
  });
  after(() => Promise.all(agents.map((agent) => agent.stop())));

  const isPassed = async (host: string) => /^neighbour sees/.test(await left.ask("tcp", host, 7));
  const isDropped = async (host: string) => (await left.askInVain("tcp", host, 7)) === "silence";
  const restart = async (changes = {}, meanwhile = () => {}) => {
    started.networks = await started.restart(changes, meanwhile);
  };
  const addIpv6 = () => started.networks.createNetwork({ Name: "six", EnableIPv6: true });

  test("does not become a router where the engine switches forwarding on, and the containers have all they need", async () => {
    started = await startNetworks();
    assert.equal(run("cat /proc/sys/net/ipv4/ip_forward"), "1\n");
    assert.deepEqual(listGuards(), ["table ip berth-forwarding"]);
    assert.ok(await isDropped("198.51.2.2"));

    await addIpv6();
    assert.equal(run("cat /proc/sys/net/ipv6/conf/all/forwarding"), "1\n");
    assert.deepEqual(listGuards(), ["table ip berth-forwarding", "table ip6 berth-forwarding"]);
    assert.ok(await isDropped("fd51:2::2"));

    const request = newRequest({
      mode: "six",
      portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8470" }] },
    });
    const sandbox = await started.networks.open(request);
    const container = await startAgent(sandbox.netnsPath);
    sandbox.release();
    await container.serve("tcp", 80, "web");
    assert.equal(await container.ask("tcp", "198.51.2.2", 7), "neighbour sees 198.51.2.1");
    assert.match(await container.ask("tcp", "fd51:2::2", 7), /^neighbour sees fd51:2::1/);
    assert.equal(await left.ask("tcp", "198.51.1.1", 8470), "web sees 198.51.1.2");
    assert.equal(await left.ask("tcp", "fd51:1::1", 8470), "web sees fd51:1::2");

    // Those of other programs, who take forwarding as they find it.
    assert.ok(await isPassed("198.51.3.2"));
    assert.equal(await bridged.ask("tcp", "198.51.2.2", 7), "neighbour sees 198.51.3.2");
    assert.ok(await isPassed("fd51:3::2"));
    assert.deepEqual(
      (await started.networks.listWarnings()).map((text) => text.split(":").at(0)),
      [
        "packets from 198.51.1.2 to 198.51.2.2 were dropped by the table ip berth-forwarding",
        "packets from fd51",
      ],
    );

    await container.stop();
    await started.stop();
    assert.equal(listGuards().length, 2, "it stays as long as the setting does");
    assert.ok(await isDropped("198.51.2.2"));
  });

  test("is none after the ruleset was flushed either, also when the engine has begun again meanwhile", async () => {
    started = await startNetworks();
    await addIpv6();
    const guards = listGuards();
    for (const begin of [async () => {}, restart]) {
      await begin();
      run("nft flush ruleset");
      await eventually(
        async () => listGuards().join(),
        (text) => text === guards.join(),
      );
      assert.ok(await isDropped("198.51.2.2"));
      assert.ok(await isDropped("fd51:2::2"));
    }
    await started.networks.adopt(() => []);
    await started.stop();
  });

  test("is what its administrator makes of it: who takes the table away, or adds a rule, is heard", async () => {
    started = await startNetworks();
    run("nft add rule ip berth-forwarding forward iifname side1 accept");
    await restart();
    assert.ok(await isPassed("198.51.2.2"));
    run("nft flush chain ip berth-forwarding forward");
    assert.ok(await isDropped("198.51.2.2"));
    run("nft 'delete table ip berth-forwarding; flush chain inet berth-test forward'");
    await eventually(
      async () => run("nft list chain inet berth-test forward"),
      (text) => text.includes("accept"),
    );
    assert.deepEqual(listGuards(), []);
    assert.ok(await isPassed("198.51.2.2"));
    await started.networks.adopt(() => []);
    run("nft flush ruleset");
    await started.networks.adopt(() => []);
    assert.deepEqual(listGuards(), [], "also when all else is put in place again");
    await started.stop();
  });

  test("is none after a flush while no engine ran; what its administrator took away then stays away", async () => {
    started = await startNetworks();
    await addIpv6();
    await restart({}, () => run("nft flush ruleset"));
    assert.deepEqual(listGuards(), ["table ip berth-forwarding", "table ip6 berth-forwarding"]);
    assert.ok((await isDropped("198.51.2.2")) && (await isDropped("fd51:2::2")));
    await restart({}, () => run("nft delete table ip berth-forwarding"));
    await restart({}, () => run("nft flush ruleset"));
    assert.deepEqual(listGuards(), ["table ip6 berth-forwarding"]);
    await started.stop();
  });

  test("has no guard that its administrator took away after the engine was taken down, and one after a flush", async () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-guard-"));
    const begin = async () => {
      started = await startNetworks({}, join(folder, "state.db"));
    };
    await begin();
    await addIpv6();
    await started.stop();
    run("nft delete table ip berth-forwarding");
    await begin();
    assert.deepEqual(listGuards(), ["table ip6 berth-forwarding"]);
    await restart({}, () => run("nft flush ruleset"));
    assert.deepEqual(listGuards(), ["table ip6 berth-forwarding"]);
    await started.stop();
    run("nft flush ruleset");
    await begin();
    assert.deepEqual(
      listGuards(),
      ["table ip6 berth-forwarding"],
      "a flush while it was down took that away, too",
    );
    assert.equal(run("nft list tables inet | grep berth-forwarding || :"), "");
    const chains = Array.from({ length: 16 }, (_, index) => `add chain inet berth-forwarding gone${index}`);
    run(`nft '${["add table inet berth-forwarding", ...chains].join("; ")}'`);
    await started.stop();
    assert.deepEqual(run("nft list table inet berth-forwarding").match(/chain \S+/g), [
      "chain down-berth-test",
    ]);
    rmSync(folder, { recursive: true });
  });

  test("stays the router that it was for some of its links", async () => {
    run("for link in side1 side2; do echo 1 >/proc/sys/net/ipv4/conf/$link/forwarding; done");
    started = await startNetworks();
    assert.equal(run("cat /proc/sys/net/ipv4/ip_forward"), "1\n");
    assert.deepEqual(listGuards(), []);
    assert.ok(await isPassed("198.51.2.2"));
    await started.stop();
  });

  test("has no guard that another of its engines has removed, whatever happens to the tables then", async () => {
    started = await startNetworks();
    assert.equal(listGuards().length, 1);
    const other = await startNetworks({
      ...{ bridgeName: "berth-test1", tableName: "berth-other", engineId: "other", bip4: "10.91.0.1/24" },
      guardsForwarding: false,
    });
    await started.networks.adopt(() => []);
    run("nft flush ruleset");
    for (const { networks } of [started, other]) await networks.adopt(() => []);
    assert.deepEqual(listGuards(), []);
    await other.stop();
    await started.stop();
  });

  for (const value of ["1", "2"] as const)
    test(`stays the router that it was, which ${value} says`, async () => {
      set(value);
      started = await startNetworks();
      await addIpv6();
      assert.deepEqual(listGuards(), []);
      assert.ok((await isPassed("198.51.2.2")) && (await isPassed("fd51:2::2")));
      await started.stop();
    });

  test("is one with ip-forward-no-drop, also where the engine has said otherwise before", async () => {
    started = await startNetworks();
    assert.ok(await isDropped("198.51.2.2"));
    for (const value of ["1", "0"] as const) {
      set(value);
      await restart({ guardsForwarding: false });
      if (value === "1") await addIpv6();
      assert.deepEqual(listGuards(), []);
      assert.ok((await isPassed("198.51.2.2")) && (await isPassed("fd51:2::2")));
    }
    await started.stop();
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../engine.ts";
import { newRequest, run, startAgent, startNetworks, type TestNetworks } from "./machine.ts";
import { routerAdvertisement } from "./router-advertisement.ts";

/** What the machine has learnt from a router advertisement. */
const learnt = () => run("ip -6 addr; ip -6 route").match(/2001:db8:bad|default via fe80::bad0/g) ?? [];
const sendFrame = new URL("./send-frame.ts", import.meta.url).pathname;

function advertise(pid: number, link: string): void {
  run(`nsenter --net=/proc/${pid}/ns/net ${process.execPath} ${sendFrame} ${link} ${routerAdvertisement()}`);
}

describe("a container that may send any frame", () => {
  let started: TestNetworks;
  before(async () => {
    // As careless as a machine can be.
    for (const setting of [
      "accept_redirects",
      "send_redirects",
      "accept_source_route",
      "proxy_arp",
      "arp_accept",
    ])
      run(`echo 1 > /proc/sys/net/ipv4/conf/default/${setting}`);
    started = await startNetworks();
  });
  after(() => started.stop());

  async function startContainer(mode: string) {
    const request = newRequest({ mode });
    const sandbox = await started.networks.open(request);
    const agent = await startAgent(sandbox.netnsPath);
    sandbox.release();
    return { id: request.owner.id, agent };
  }

  test("configures a link that listens to router advertisements (so the attack is a real one)", async () => {
    const neighbour = await startAgent("new");
    run(
      "ip link add control0 type bridge; ip link set control0 up; ip link add control1 type veth peer name control2;" +
        `ip link set control1 master control0 up; ip link set control2 netns ${neighbour.pid};` +
        `nsenter --net=/proc/${neighbour.pid}/ns/net ip link set control2 up`,
    );
    await eventually(
      () => {
        advertise(neighbour.pid, "control2");
        return learnt();
      },
      (lines) => lines.length > 1,
    );
    run("ip link del control0; ip link del control1");
    await eventually(learnt, (lines) => lines.length === 0);
    await neighbour.stop();
  });

  for (const mode of ["bridge", "mine"]) {
    test(`gives the machine neither address nor route, on network ${mode}`, async () => {
      if (mode === "mine") await started.networks.createNetwork({ Name: "mine" });
      const link = started.networks.getNetwork(mode).bridge?.link ?? "";
      const { id, agent } = await startContainer(mode);
      // A frame sent after it arrives after it: when the machine has answered, it has seen the advertisement.
      for (let times = 0; times < 3; times++) advertise(agent.pid, "eth0");
      assert.equal(
        await agent.ask("tcp", started.networks.getNetwork(mode).ipam[0]?.gateway ?? "", 1),
        "ECONNREFUSED",
      );
      assert.deepEqual(learnt(), []);
      assert.doesNotMatch(run(`ip -6 addr show dev ${link}`), /inet6/);
      await started.networks.close(id);
      await agent.stop();
    });
  }

  test("gives it nothing by an interface that has lost its bridge either", async () => {
    const { id, agent } = await startContainer("bridge");
    const port = run("ip -o link show master berth-test0").split(/[:@ ]+/)[1] ?? "";
    run("ip link del berth-test0");
    for (let times = 0; times < 3; times++) advertise(agent.pid, "eth0");
    await eventually(
      () => Number(JSON.parse(run(`ip -s -j link show dev ${port}`))[0].stats64.rx.packets),
      (count) => count >= 3,
    );
    assert.deepEqual(learnt(), []);
    assert.doesNotMatch(run(`ip -6 addr show dev ${port}`), /inet6/);
    await started.networks.adopt(() => []);
    await started.networks.close(id);
    await agent.stop();
  });

  test("is not heeded in what else would change the machine's routes and neighbours", async () => {
    const settings = {
      "ipv4/conf": ["accept_redirects", "send_redirects", "accept_source_route", "proxy_arp", "arp_accept"],
      "ipv6/conf": ["accept_ra", "autoconf", "accept_redirects"],
    };
    const { id, agent } = await startContainer("bridge");
    const port = run("ip -o link show master berth-test0").split(/[:@ ]+/)[1] ?? "";
    for (const link of ["berth-test0", port]) {
      for (const [folder, names] of Object.entries(settings)) {
        for (const name of names)
          assert.equal(run(`cat /proc/sys/net/${folder}/${link}/${name}`).trim(), "0", `${link} ${name}`);
      }
      assert.equal(run(`cat /proc/sys/net/ipv6/conf/${link}/disable_ipv6`).trim(), "1");
    }
    await started.networks.close(id);
    await agent.stop();
  });
});

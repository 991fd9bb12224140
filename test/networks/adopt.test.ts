import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Networks, Sandbox } from "../../src/networks/networks.ts";
import { networkKind } from "../../src/networks/records.ts";
import {
  type Agent,
  listElements,
  newRequest,
  run,
  startAgent,
  startNetworks,
  startOutside,
  type TestNetworks,
} from "./machine.ts";

/** Host ends of interfaces under the test's bridge. */
function listPorts(): string[] {
  const lines = run("ip -o link show master berth-test0").trim().split("\n");
  return lines.filter((line) => line !== "");
}

describe("after the daemon was killed", () => {
  let outside: Agent;
  let root: string;

  before(async () => {
    outside = await startOutside();
    root = mkdtempSync(join(tmpdir(), "berth-networks-"));
  });
  after(async () => {
    await outside.stop();
    rmSync(root, { recursive: true });
  });

  test("the running container's connections go on, and it is adopted", async () => {
    const request = newRequest({ portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8200" }] } });
    const child = fork(
      new URL("./killed-daemon.ts", import.meta.url),
      [join(root, "state.db"), JSON.stringify(request)],
      { execArgv: [] },
    );
    const [first] = (await once(child, "message")) as [Sandbox];
    const agent = await startAgent(first.netnsPath);
    await agent.serve("tcp", 80, "web");
    assert.equal(await outside.ask("tcp", "198.51.100.1", 8200), "web sees 198.51.100.2");
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(await outside.ask("tcp", "198.51.100.1", 8200), "web sees 198.51.100.2");

    run("nft add element inet berth-test published_any { tcp . 9999 : 10.90.0.77 . 1 }");
    const started = await startNetworks({}, join(root, "state.db"));
    const { networks } = started;
    assert.equal(await outside.ask("tcp", "198.51.100.1", 8200), "web sees 198.51.100.2");
    await networks.adopt(() => [request.owner.id]);
    assert.deepEqual(networks.view(request.owner.id), {
      id: first.id,
      endpoints: first.endpoints,
      ports: first.ports,
      hasResolver: false,
    });
    assert.deepEqual(listElements(), ["tcp . 8200 : 10.90.0.2 . 80"]);
    assert.equal(listPorts().length, 1);
    assert.equal(await outside.ask("tcp", "198.51.100.1", 8200), "web sees 198.51.100.2");
    await assert.rejects(
      networks.open(newRequest({ portBindings: { "1/tcp": [{ HostIp: "", HostPort: "8200" }] } })),
      {
        message: /port is already allocated/,
      },
    );
    const second = newRequest();
    const sandbox = await networks.open(second);
    assert.notEqual(sandbox.endpoints.bridge?.IPAddress, "10.90.0.2");
    sandbox.release();
    await networks.close(second.owner.id);
    await networks.close(request.owner.id);
    assert.deepEqual(listElements(), []);
    await agent.stop();
    await started.stop();
    assert.throws(() => run("ip link show berth-test0"));
    assert.throws(() => run("nft list table inet berth-test"));
  });
});

describe("adopting", () => {
  let started: TestNetworks;
  let networks: Networks;
  before(async () => {
    started = await startNetworks();
    networks = started.networks;
  });
  after(() => started.stop());

  test("makes bridge, table and forwarding anew when somebody took them away", async () => {
    const request = newRequest({ portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8300" }] } });
    const sandbox = await networks.open(request);
    const agent = await startAgent(sandbox.netnsPath);
    sandbox.release();
    await agent.serve("tcp", 80, "web");
    const machine = await startAgent();
    const live = [request.owner.id];
    run(
      "ip link del berth-test0 && nft delete table inet berth-test && echo 0 > /proc/sys/net/ipv4/ip_forward",
    );
    await networks.adopt(() => live);
    assert.match(await machine.ask("tcp", "127.0.0.1", 8300), /^web sees/);
    assert.equal(run("cat /proc/sys/net/ipv4/ip_forward").trim(), "1");
    run("nft flush ruleset");
    await networks.adopt(() => live);
    assert.match(await machine.ask("tcp", "127.0.0.1", 8300), /^web sees/);
    await networks.adopt(() => []);
    assert.deepEqual(listElements(), []);
    assert.deepEqual(listPorts(), []);
    await Promise.all([agent.stop(), machine.stop()]);
  });

  test("replaces a table of another make", async () => {
    run("nft delete table inet berth-test; nft add table inet berth-test");
    run("nft add map inet berth-test published { type ipv4_addr : ipv4_addr \\; }");
    run("nft add chain inet berth-test forward { type filter hook output priority 5 \\; }");
    await networks.adopt(() => []);
    const request = newRequest({ portBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8301" }] } });
    const sandbox = await networks.open(request);
    sandbox.release();
    assert.deepEqual(listElements(), [
      `127.0.0.1 . tcp . 8301 : ${sandbox.endpoints.bridge?.IPAddress} . 80`,
    ]);
    await networks.close(request.owner.id);
  });

  test("goes on when another process has taken a published port, or a network is gone", async () => {
    const gone = await networks.createNetwork({ Name: "gone" });
    const portBindings = { "80/tcp": [{ HostIp: "", HostPort: "8302" }] };
    const request = newRequest({ portBindings, endpoints: { bridge: {}, gone: {} } });
    const sandbox = await networks.open(request);
    const agent = await startAgent(sandbox.netnsPath);
    sandbox.release();
    started.state.records(networkKind).delete(gone.id);
    networks = await started.restart();
    const machine = await startAgent();
    assert.equal(await machine.serve("tcp", 8302, "thief"), "serving");
    await networks.adopt(() => [request.owner.id]);
    assert.deepEqual(listElements(), [], "packets go to the thief from now on");
    await networks.close(request.owner.id);
    await networks.adopt(() => []);
    await Promise.all([machine.stop(), agent.stop()]);
  });

  test("is not needed for a bridge that somebody took away: the next start makes it again", async () => {
    const [first, second] = [newRequest(), newRequest()];
    const sandbox = await networks.open(first);
    const server = await startAgent(sandbox.netnsPath);
    sandbox.release();
    await server.serve("tcp", 80, "web");
    run("ip link del berth-test0");
    const other = await networks.open(second);
    const client = await startAgent(other.netnsPath);
    other.release();
    assert.match(await client.ask("tcp", sandbox.endpoints.bridge?.IPAddress ?? "", 80), /^web sees/);
    await Promise.all([server.stop(), client.stop()]);
    for (const { owner } of [first, second]) await networks.close(owner.id);
  });

  test("leaves alone what is just being started", async () => {
    const request = newRequest({ portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8306" }] } });
    const opening = networks.open(request);
    await networks.adopt(() => []);
    const sandbox = await opening;
    await networks.adopt(() => []);
    assert.equal(listElements().length, 1);
    assert.equal(listPorts().length, 1);
    const agent = await startAgent(sandbox.netnsPath);
    assert.equal(await agent.ask("tcp", "10.90.0.1", 1), "ECONNREFUSED");
    sandbox.release();
    await networks.adopt(() => []);
    assert.deepEqual(listElements(), []);
    assert.deepEqual(listPorts(), []);
    await agent.stop();
  });

  test("a close that finds the table changed by somebody else repairs it", async () => {
    const [first, second] = [8303, 8304].map((port) =>
      newRequest({ portBindings: { "80/tcp": [{ HostIp: "", HostPort: String(port) }] } }),
    );
    assert.ok(first && second);
    const sandboxes = [await networks.open(first), await networks.open(second)];
    for (const sandbox of sandboxes) sandbox.release();
    run("nft flush ruleset");
    await networks.close(first.owner.id);
    assert.deepEqual(listElements(), [`tcp . 8304 : ${sandboxes[1]?.endpoints.bridge?.IPAddress} . 80`]);
    run("nft flush ruleset");
    await networks.close(second.owner.id);
    assert.deepEqual(listElements(), []);
  });
});

test("after any sequence of starts, ends and restarts leases, rules and links are exactly those of what runs", async () => {
  const started = await startNetworks({ bip4: "10.90.0.1/28" });
  let { networks } = started;
  const live = new Map<string, Sandbox>();
  const ids = Array.from({ length: 16 }, () => newRequest().owner.id);
  let seed = 20_241;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };

  async function step(): Promise<void> {
    const id = ids[random(ids.length)] ?? "";
    const choice = random(20);
    if (choice === 0) {
      networks = await started.restart();
      await networks.adopt(() => [...live.keys()]);
    } else if (choice < 8) {
      live.get(id)?.release();
      live.delete(id);
      await networks.close(id);
    } else {
      const portBindings = {
        "80/tcp": [{ HostIp: ["", "127.0.0.1"][random(2)] ?? "", HostPort: String(8400 + random(12)) }],
        "53/udp": [{ HostIp: "", HostPort: "" }],
      };
      live.get(id)?.release();
      live.delete(id);
      try {
        live.set(id, await networks.open(newRequest({ owner: { kind: "container", id }, portBindings })));
      } catch (error) {
        assert.match(String(error), /port is already allocated|no available IPv4 addresses/);
      }
    }
  }
  for (let count = 0; count < 150; count++) await step();

  const expected = [...live.values()].flatMap(({ endpoints, ports }) =>
    Object.entries(ports).flatMap(([key, bindings]) => {
      const [port, protocol] = key.split("/");
      return (bindings ?? []).map(({ HostIp, HostPort }) => {
        const address = HostIp === "0.0.0.0" ? "" : `${HostIp} . `;
        return `${address}${protocol} . ${HostPort} : ${endpoints.bridge?.IPAddress} . ${port}`;
      });
    }),
  );
  assert.ok(live.size > 3);
  assert.deepEqual(listElements(), expected.sort());
  const addresses = [...live.values()].map(({ endpoints }) => endpoints.bridge?.IPAddress);
  assert.equal(new Set(addresses).size, live.size);
  for (const sandbox of live.values()) sandbox.release();
  const rest = [...live.keys()];
  for (const id of rest) await networks.close(id);
  const sandboxes: Sandbox[] = [];
  for (let count = 0; count < 13; count++) sandboxes.push(await networks.open(newRequest()));
  await assert.rejects(networks.open(newRequest()), { message: /^no available IPv4 addresses.*--subnet$/ });
  for (const sandbox of sandboxes) sandbox.release();
  await started.stop();
});

test("two engines on one machine keep out of each other's way", async () => {
  const one = await startNetworks({ bip4: undefined });
  const two = await startNetworks({ bip4: undefined, bridgeName: "berth-test1", tableName: "berth-test-1" });
  const port = { "80/tcp": [{ HostIp: "", HostPort: "8600" }] };
  const [first, second] = [newRequest({ portBindings: port }), newRequest()];
  const sandboxes = [await one.networks.open(first), await two.networks.open(second)] as const;
  const addresses = sandboxes.map(({ endpoints }) => endpoints.bridge?.IPAddress ?? "");
  assert.notEqual(addresses[0]?.split(".")[1], addresses[1]?.split(".")[1]);
  await assert.rejects(two.networks.open(newRequest({ portBindings: port })), {
    message: /port is already allocated/,
  });
  const [server, client] = [
    await startAgent(sandboxes[0].netnsPath),
    await startAgent(sandboxes[1].netnsPath),
  ];
  for (const sandbox of sandboxes) sandbox.release();
  await server.serve("tcp", 80, "web");
  await server.serve("tcp", 81, "hidden");
  const gateway = sandboxes[1].endpoints.bridge?.Gateway ?? "";
  assert.match(await client.ask("tcp", gateway, 8600), /^web sees/);
  assert.equal(await client.askInVain("tcp", addresses[0] ?? "", 81), "silence");
  await two.networks.adopt(() => []);
  await two.stop();
  const machine = await startAgent();
  assert.match(await machine.ask("tcp", "127.0.0.1", 8600), /^web sees/);
  await Promise.all([server.stop(), client.stop(), machine.stop()]);
  await one.stop();
  assert.equal(run("nft list tables | grep -v berth-forwarding || :"), "");
});

test("an interface that a stray process keeps after its container's end is taken away", async () => {
  const started = await startNetworks();
  const request = newRequest();
  const sandbox = await started.networks.open(request);
  const stray = await startAgent(sandbox.netnsPath);
  sandbox.release();
  assert.equal(listPorts().length, 1);
  await started.networks.close(request.owner.id);
  while (listPorts().length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await stray.stop();
  await started.stop();
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { test } from "node:test";
import { parseIpAddress, parseSubnet } from "../../src/formats/ip-address.ts";
import { createLogger } from "../../src/logger.ts";
import { disconnectSandbox, type RunningOwner } from "../../src/networks/connect.ts";
import { createAddressPool } from "../../src/networks/ipam.ts";
import { networkKind, newBareNetwork, poolsOf } from "../../src/networks/records.ts";
import type { OpenSandbox } from "../../src/networks/sandbox.ts";
import { startTicks } from "../../src/sys/process.ts";
import { listElements, newRequest, run, startAgent, startNetworks } from "./machine.ts";

test("a network is left also where nothing remains that a port could lead to, and the port comes back with the next", async () => {
  const told: string[][] = [];
  const started = await startNetworks({
    resolver: {
      isAble: () => true,
      async tell(method, parameters) {
        if (method === "putNames" && "endpoints" in parameters)
          told.push(parameters.endpoints.map(({ network }) => network));
      },
    },
  });
  const { networks } = started;
  const four = await networks.createNetwork({ Name: "four" });
  await networks.createNetwork({ Name: "six", EnableIPv4: false, EnableIPv6: true });
  const portBindings = {
    "80/tcp": [
      { HostIp: "127.0.0.1", HostPort: "8490" },
      { HostIp: "", HostPort: "8491" },
    ],
  };
  const request = newRequest({
    ...{ mode: "four", endpoints: { four: {}, six: {} }, portBindings, exposedPorts: ["80/tcp"] },
  });
  const { id } = request.owner;
  const sandbox = await networks.open(request);
  const agent = await startAgent(sandbox.netnsPath);
  sandbox.release();
  const process = { pid: agent.pid, startTicks: startTicks(agent.pid) ?? 0 };
  const ports = { portBindings, exposedPorts: ["80/tcp"], publishAll: false };
  const owner: RunningOwner = {
    ...{ id, name: "one", hostname: "", process, ports, refusesIpv6: false },
  } as RunningOwner;

  await networks.disconnect(owner, four.id);
  assert.deepEqual(told.at(-1), ["six"], "no name leads to the address that is free for others now");
  assert.deepEqual(networks.view(id)?.ports, { "80/tcp": [{ HostIp: "::", HostPort: "8491" }] });
  assert.equal(listElements().filter((element) => element.includes("8490")).length, 0);
  const next = newRequest({
    mode: "four",
    portBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8490" }] },
  });
  (await networks.open(next)).release();
  await networks.close(next.owner.id);

  await networks.connect(owner, four.id, {});
  assert.equal(networks.view(id)?.ports["80/tcp"]?.[0]?.HostPort, "8490");
  await networks.close(id);
  await agent.stop();
  await started.stop();
});

test("a port that another process has taken meanwhile costs none of the others when a network is joined and left", async () => {
  const started = await startNetworks();
  const lan = await started.networks.createNetwork({ Name: "lan" });
  const portBindings = {
    "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8492" }],
    "81/tcp": [{ HostIp: "0.0.0.0", HostPort: "8493" }],
    "82/tcp": [{ HostIp: "0.0.0.0", HostPort: "8494" }],
  };
  const ports = { portBindings, exposedPorts: ["80/tcp", "81/tcp", "82/tcp"], publishAll: false };
  const request = newRequest(ports);
  const { id } = request.owner;
  const sandbox = await started.networks.open(request);
  const agent = await startAgent(sandbox.netnsPath);
  sandbox.release();
  const process = { pid: agent.pid, startTicks: startTicks(agent.pid) ?? 0 };
  const owner = { id, name: "one", hostname: "", process, ports, refusesIpv6: false } as RunningOwner;
  const networks = await started.restart();
  const thieves = [8492, 8494].map((port) => createServer().listen(port, "0.0.0.0"));
  const free = async (thief: Server | undefined) => {
    thief?.close();
    await once(thief as Server, "close");
  };
  await Promise.all(thieves.map((thief) => once(thief, "listening")));
  await networks.adopt(() => [id]);
  const published = () =>
    Object.values(networks.view(id)?.ports ?? {}).flatMap((list) => list?.map(({ HostPort }) => HostPort));
  const settled = () => published().filter(Boolean);
  assert.deepEqual(settled(), ["8493"]);

  await networks.connect(owner, lan.id, {});
  assert.deepEqual(settled(), ["8493"]);
  assert.match(listElements().join(), /^tcp \. 8493 : /);
  await networks.disconnect(owner, lan.id);
  assert.deepEqual(settled(), ["8493"]);
  assert.match(listElements().join(), /^tcp \. 8493 : /);
  await free(thieves[0]);
  await networks.connect(owner, lan.id, {});
  assert.deepEqual(
    settled(),
    ["8492", "8493"],
    "what is free again is published, also beside one that is not",
  );
  await free(thieves[1]);
  await networks.disconnect(owner, lan.id);
  assert.deepEqual(settled(), ["8492", "8493", "8494"]);
  await networks.close(id);
  await agent.stop();
  await started.stop();
});

test("a network that cannot be joined leaves the default routes where they were", async () => {
  const started = await startNetworks();
  const { networks } = started;
  const lan = await networks.createNetwork({
    ...{ Name: "lan", EnableIPv6: true },
    IPAM: { Config: [{ Subnet: "10.71.0.0/24" }, { Subnet: "fd00:71::/64", Gateway: "fd00:71::1" }] },
  });
  const request = newRequest();
  const { id } = request.owner;
  const sandbox = await networks.open(request);
  const agent = await startAgent(sandbox.netnsPath);
  sandbox.release();
  const process = { pid: agent.pid, startTicks: startTicks(agent.pid) ?? 0 };
  const ports = { portBindings: {}, exposedPorts: [], publishAll: false };
  const owner = { id, name: "one", hostname: "", process, ports, refusesIpv6: false } as RunningOwner;
  const inside = (command: string) => run(`nsenter --net=/proc/${agent.pid}/ns/net ${command}`);
  const before = inside("ip route show default");
  // The kernel takes no address of its own for a gateway, but IPv4's default route has been changed by then.
  inside("ip -6 address add fd00:71::1/128 dev lo");
  await assert.rejects(networks.connect(owner, lan.id, { GwPriority: 1 }), { code: "EINVAL" });
  assert.match(before, /^default via 10\.90\.0\.1 dev eth0/);
  assert.equal(inside("ip route show default"), before);
  assert.equal(inside("ip -6 route show default"), "");
  assert.deepEqual(Object.keys(networks.view(id)?.endpoints ?? {}), ["bridge"]);

  inside("ip -6 address delete fd00:71::1/128 dev lo");
  await networks.connect(owner, lan.id, { GwPriority: 1 });
  assert.match(inside("ip route show default"), /^default via 10\.71\.0\.1 dev eth1/);
  assert.match(inside("ip -6 route show default"), /^default via fd00:71::1 dev eth1/);
  await networks.close(id);
  await agent.stop();
  await started.stop();
});

test("what fails when a network is left keeps neither address nor names there", async () => {
  const network = networkKind.read({
    ...newBareNetwork("lan", "bridge"),
    ipam: [{ subnet: "10.0.0.0/30", gateway: "10.0.0.1" }],
    bridge: { link: "bridge0", mtu: 1500 },
  });
  const pools = poolsOf(network).map((pool) => createAddressPool(pool, "lan"));
  const address = parseIpAddress("10.0.0.2") ?? assert.fail();
  pools[0]?.leaseFixed(address);
  const subnet = { ...(parseSubnet("10.0.0.2/30") ?? assert.fail()), address };
  const endpoint = { id: "e", network, addresses: [subnet], isLeased: true, link: "veth0", settings: {} };
  const sandbox = {
    ...{ endpoints: [endpoint], passing: [], gateway: "e", gateway6: "", links: [] },
    ports: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "80" }] },
  } as unknown as OpenSandbox;
  const done: string[] = [];
  const note = (what: string) => () => void done.push(`${what} ${sandbox.endpoints.length}`);
  const connections = {
    ...{ logger: createLogger("silent"), sandboxes: new Map(), tableName: "berth", drivers: {} },
    catalog: { addressPools: (_: unknown, family: 4 | 6) => (family === 4 ? pools : []) },
    kernel: {
      removeLink: () => Promise.reject(new Error("no such luck")),
      setDefaultRoute: () => Promise.reject(new Error("no route")),
    },
    publishedPorts: { listOf: () => [], link: async () => {} },
    store: { put: note("stored"), deleteEndpoint: note("deleted") },
    names: { tell: async () => note("told")() },
  } as unknown as Parameters<typeof disconnectSandbox>[0];
  const owner = { id: "1", ports: { exposedPorts: ["80/tcp"] } } as unknown as RunningOwner;
  await assert.rejects(disconnectSandbox(connections, sandbox, owner, network), /^Error: no such luck$/);
  assert.equal(pools[0]?.hasRoom(), true);
  assert.deepEqual(done, ["stored 0", "told 0", "stored 0", "deleted 0"]);
  assert.deepEqual(sandbox.ports, { "80/tcp": null }, "what is not published is not shown");
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Networks, Sandbox } from "../../src/networks/networks.ts";
import { newRequest, run, startAgent, startNetworks, type TestNetworks } from "./machine.ts";

describe("networks", () => {
  let started: TestNetworks;
  let networks: Networks;
  before(async () => {
    started = await startNetworks();
    networks = started.networks;
  });
  after(() => started.stop());

  test("are bridge, host and none from the start, and found by name, id and the start of an id", () => {
    assert.deepEqual(
      networks
        .list()
        .map(({ name, driver }) => `${name} ${driver}`)
        .sort(),
      ["bridge bridge", "host host", "none null"],
    );
    const bridge = networks.getNetwork("bridge");
    assert.match(bridge.id, /^[0-9a-f]{64}$/);
    assert.equal(networks.findNetwork(bridge.id), bridge);
    assert.equal(networks.findNetwork(bridge.id.slice(0, 12)), bridge);
    assert.equal(networks.findNetwork(""), undefined);
    assert.throws(() => networks.getNetwork("nope"), { kind: "notFound", message: "network nope not found" });
  });

  test("are inspected as Docker does", async () => {
    const record = networks.getNetwork("bridge");
    const settings = { EndpointID: "e", MacAddress: "m", IPAddress: "10.90.0.9", IPPrefixLen: 24 };
    const result = networks.inspect(record, [{ containerId: "c", containerName: "web", settings }]);
    assert.deepEqual(result.IPAM.Config, [{ Subnet: "10.90.0.0/24", Gateway: "10.90.0.1" }]);
    assert.equal(result.Options["com.docker.network.bridge.name"], "berth-test0");
    assert.deepEqual(result.Containers.c, {
      Name: "web",
      EndpointID: "e",
      MacAddress: "m",
      IPv4Address: "10.90.0.9/24",
      IPv6Address: "",
    });
  });

  test("of a user have their own bridge and subnet, are kept over a restart, and are apart from others", async () => {
    const record = await networks.createNetwork({
      Name: "back",
      IPAM: { Config: [{ Subnet: "10.91.0.0/24", Gateway: "10.91.0.254" }] },
      Labels: { a: "b" },
    });
    const other = await networks.createNetwork({ Name: "front" });
    assert.match(other.ipam[0]?.subnet ?? "", /^172\.(1[7-9]|2\d|3[01])\.\d+\.0\/24$/);
    networks = await started.restart();
    await networks.adopt(() => []);
    assert.deepEqual(networks.getNetwork("back"), record);
    const both = {
      back: { IPAMConfig: { IPv4Address: "10.91.0.77" }, Aliases: ["db"], MacAddress: "02:00:00:00:00:07" },
      front: {},
    };
    const first = newRequest({ mode: "back", endpoints: both, ownerName: "one" });
    const second = newRequest();
    const sandboxes = [await networks.open(first), await networks.open(second)] as [Sandbox, Sandbox];
    const { endpoints } = sandboxes[0];
    assert.equal(endpoints.back?.IPAddress, "10.91.0.77");
    assert.deepEqual(endpoints.back?.DNSNames, ["one", "db", first.owner.id.slice(0, 12)]);
    assert.equal(endpoints.back?.NetworkID, record.id);
    const addresses = run(`nsenter --net=${sandboxes[0].netnsPath} ip addr`);
    assert.match(addresses, /02:00:00:00:00:07.*inet 10\.91\.0\.77\/24.*eth0.*inet 172\..*eth1/s);
    assert.match(
      run(`nsenter --net=${sandboxes[0].netnsPath} ip route`),
      /^default via 10\.91\.0\.254 dev eth0/,
    );
    const [server, client] = await Promise.all(sandboxes.map(({ netnsPath }) => startAgent(netnsPath)));
    assert.ok(server && client);
    for (const sandbox of sandboxes) sandbox.release();
    await server.serve("tcp", 80, "web");
    assert.equal(await client.askInVain("tcp", "10.91.0.77", 80), "silence");
    await assert.rejects(networks.removeNetwork("back"), {
      kind: "forbidden",
      message: /has active endpoints/,
    });
    await Promise.all([server.stop(), client.stop()]);
    for (const { owner } of [first, second]) await networks.close(owner.id);
    await networks.removeNetwork("back");
    await networks.removeNetwork(other.id);
    assert.equal(networks.findNetwork("back"), undefined);
    assert.throws(() => run(`ip link show br-${record.id.slice(0, 12)}`));
    assert.doesNotMatch(run("nft list table inet berth-test"), /br-/);
  });

  test("refuse what cannot be, in Docker's words", async () => {
    await networks.createNetwork({ Name: "taken", IPAM: { Config: [{ Subnet: "10.92.0.0/16" }] } });
    const wrong: [Parameters<Networks["createNetwork"]>[0], object][] = [
      [{ Name: "taken" }, { kind: "conflict", message: "network with name taken already exists" }],
      [{ Name: "" }, { kind: "invalid" }],
      ...["bridge", "host", "none", "default"].map((name): [object, object] => [
        { Name: name },
        { kind: "forbidden", message: `operation is not permitted on predefined ${name} network ` },
      ]),
      [
        { Name: "n", IPAM: { Config: [{ Subnet: "10.92.3.0/24" }] } },
        { message: /Pool overlaps with other one/ },
      ],
      [{ Name: "n", IPAM: { Config: [{ Subnet: "10.93.0.0/33" }] } }, { kind: "invalid" }],
      [
        { Name: "n", IPAM: { Config: [{ Subnet: "10.93.0.0/24", Gateway: "10.94.0.1" }] } },
        { kind: "invalid" },
      ],
      [{ Name: "n", Options: { "com.docker.network.bridge.name": 'x" drop; "' } }, { kind: "invalid" }],
      [{ Name: "n", Options: { "com.docker.network.driver.mtu": "x" } }, { kind: "invalid" }],
    ];
    for (const [body, error] of wrong)
      await assert.rejects(networks.createNetwork(body), error, JSON.stringify(body));
    assert.equal(networks.list().length, 4);
    await networks.removeNetwork("taken");
    await assert.rejects(networks.removeNetwork("host"), {
      kind: "forbidden",
      message: "host is a pre-defined network and cannot be removed",
    });
  });

  test("refuse addresses that are taken, foreign or not to be chosen", async () => {
    await networks.createNetwork({ Name: "fixed", IPAM: { Config: [{ Subnet: "10.95.0.0/24" }] } });
    const at = (address: string) =>
      newRequest({ mode: "fixed", endpoints: { fixed: { IPAMConfig: { IPv4Address: address } } } });
    const holder = at("10.95.0.5");
    (await networks.open(holder)).release();
    await assert.rejects(networks.open(at("10.95.0.5")), {
      kind: "forbidden",
      message: "Address already in use",
    });
    await assert.rejects(networks.open(at("10.95.0.1")), { message: "Address already in use" });
    for (const address of ["10.95.0.0", "10.95.0.255"])
      await assert.rejects(networks.open(at(address)), { message: "Address already in use" });
    for (const address of ["10.96.0.5", "10.95.0", "x"])
      await assert.rejects(networks.open(at(address)), { kind: "invalid" }, address);
    const onBridge = newRequest({ endpoints: { bridge: { IPAMConfig: { IPv4Address: "10.90.0.9" } } } });
    await assert.rejects(networks.open(onBridge), {
      message:
        /^invalid endpoint settings:\nuser specified IP address is supported on user defined networks only$/,
    });
    await assert.rejects(networks.open(newRequest({ mode: "nope" })), { kind: "notFound" });
    await assert.rejects(networks.open(newRequest({ macAddress: "01:00:00:00:00:01" })), { kind: "invalid" });
    await networks.close(holder.owner.id);
    await networks.removeNetwork("fixed");
  });

  test("tell of connecting and disconnecting", async () => {
    started.events.length = 0;
    const request = newRequest();
    (await networks.open(request)).release();
    await networks.close(request.owner.id);
    assert.deepEqual(
      started.events.map(({ Type, Action, Actor }) => [Type, Action, Actor.Attributes]),
      ["connect", "disconnect"].map((action) => [
        "network",
        action,
        { container: request.owner.id, name: "bridge", type: "bridge" },
      ]),
    );
  });
});

test("the default bridge takes the first default pool that overlaps nothing on this machine, and keeps it", async () => {
  run("ip link add other0 type bridge && ip link set other0 up");
  run("ip addr add 172.17.5.1/24 dev other0 && ip route add 172.18.0.0/15 dev other0");
  const started = await startNetworks({ bip4: undefined });
  assert.equal(started.networks.getNetwork("bridge").ipam[0]?.subnet, "172.20.0.0/16");
  run("ip link del other0");
  const networks = await started.restart();
  assert.equal(networks.getNetwork("bridge").ipam[0]?.gateway, "172.20.0.1");
  const moved = await started.restart({ bip4: "10.97.0.9/16" });
  const request = newRequest();
  const sandbox = await moved.open(request);
  assert.equal(sandbox.endpoints.bridge?.Gateway, "10.97.0.9");
  assert.equal(sandbox.endpoints.bridge?.IPAddress, "10.97.0.1");
  assert.doesNotMatch(run("ip addr show berth-test0"), /172\.20/);
  sandbox.release();
  await moved.close(request.owner.id);
  await started.stop();
});

test("automatic subnets keep clear of routes, addresses and name servers of the machine, in whatever table", async () => {
  run("ip link add vpn0 type bridge && ip link set vpn0 up && ip addr add 192.0.2.1/24 dev vpn0");
  run("ip route add 172.17.0.0/16 via 192.0.2.2; ip route add 172.18.0.0/16 dev vpn0 table 4711");
  run("ip route add 0.0.0.0/1 via 192.0.2.2; ip route add 128.0.0.0/1 via 192.0.2.2");
  run("ip addr add 172.19.0.9/32 dev vpn0");
  const started = await startNetworks();
  const { networks } = started;
  const subnetOf = async (Name: string, Subnet?: string) => {
    const IPAM = Subnet === undefined ? null : { Config: [{ Subnet }] };
    return (await networks.createNetwork({ Name, IPAM })).ipam[0]?.subnet;
  };
  assert.equal(await subnetOf("one"), "172.19.1.0/24");
  assert.equal(await subnetOf("two"), "172.19.2.0/24");
  // Any that is free, of that size.
  assert.equal(await subnetOf("small", "0.0.0.0/28"), "172.19.0.16/28");
  assert.equal(await subnetOf("large", "0.0.0.0/17"), "172.19.128.0/17");
  await assert.rejects(subnetOf("huge", "0.0.0.0/8"), {
    message: /^all predefined address pools have been fully subnetted/,
  });
  // As the user wishes, although it hides a route.
  assert.equal(await subnetOf("chosen", "172.17.9.0/24"), "172.17.9.0/24");
  await networks.removeNetwork("one");
  assert.equal(await subnetOf("again"), "172.19.1.0/24");
  // Routes by a gateway are avoided only as long as there is something else.
  run("ip route add 172.20.0.0/14 via 192.0.2.2; ip route add 172.24.0.0/13 via 192.0.2.2");
  run("ip route add 172.19.0.0/16 dev vpn0 table 4712; ip route add 192.168.0.0/16 dev vpn0");
  assert.equal(await subnetOf("last"), "172.17.0.0/24");
  await started.stop();
  run("ip link del vpn0");
});

test("names of links and networks may be odd, and do no harm", async () => {
  const started = await startNetworks();
  const { networks } = started;
  const names = ["a b/c", "__proto__", "ü☃", "$(reboot)", "'; drop", "x".repeat(200)];
  const links = ["a;b{c}$d#e", "'x", "`y`", "x,y", "-z"];
  for (const [number, Name] of names.entries()) {
    const link = links[number % links.length] + String(number);
    await networks.createNetwork({
      Name,
      Options: {
        "com.docker.network.bridge.name": link,
        "com.docker.network.bridge.trusted_host_interfaces": `${link}:;x`,
      },
    });
    assert.equal(networks.getNetwork(Name).name, Name);
    const request = newRequest({ mode: Name, endpoints: Object.fromEntries([[Name, {}]]) });
    const sandbox = await networks.open(request);
    assert.ok(Object.hasOwn(sandbox.endpoints, Name));
    sandbox.release();
    await networks.close(request.owner.id);
  }
  assert.deepEqual(
    (await networks.check(() => [])).filter(({ subject }) => /filter|bridge/.test(subject)),
    [],
  );
  for (const Name of names) await networks.removeNetwork(Name);
  await started.stop();
});

test("a network is made and removed without any other program, and the table is what one would have written", async () => {
  const started = await startNetworks();
  const { networks } = started;
  const path = process.env.PATH;
  const made = async () => {
    const IPAM = { Config: [{ Subnet: "10.98.0.0/16" }, { Subnet: "fd98::/64" }] };
    await networks.createNetwork({ Name: "n", EnableIPv6: true, IPAM });
    await networks.createNetwork({ Name: "in", Internal: true });
    await networks.createNetwork({
      Name: "trusting",
      Options: {
        "com.docker.network.bridge.trusted_host_interfaces": "wg0:eth7",
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.gateway_mode_ipv4": "routed",
        "com.docker.network.host_ipv4": "192.0.2.9",
      },
    });
  };
  // The machine's first with IPv6 has its forwarding guarded, once for all.
  await networks.createNetwork({ Name: "first", EnableIPv6: true });
  await networks.removeNetwork("first");
  const before = run("nft list table inet berth-test");
  process.env.PATH = "/nonexistent";
  try {
    await made();
    for (const name of ["n", "in", "trusting"]) await networks.removeNetwork(name);
    await made();
  } finally {
    process.env.PATH = path;
  }
  assert.deepEqual(await networks.check(() => []), []);
  for (const name of ["n", "in", "trusting"]) await networks.removeNetwork(name);
  assert.equal(run("nft list table inet berth-test"), before);
  await started.stop();
});

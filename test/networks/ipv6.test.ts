import assert from "node:assert/strict";
import dgram from "node:dgram";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import type {
  EndpointSettings,
  NetworkCreateRequest,
  PortMap,
} from "../../src/formats/docker-api/docker-api.ts";
import { parseSubnet } from "../../src/formats/ip-address.ts";
import { eventually } from "../engine.ts";
import {
  type Agent,
  newRequest,
  run,
  startAgent,
  startNetworks,
  startOutside,
  type TestNetworks,
} from "./machine.ts";
import { routerAdvertisement } from "./router-advertisement.ts";

const option = (name: string, value: string) => ({ Options: { [`com.docker.network.${name}`]: value } });
const sendFrame = new URL("./send-frame.ts", import.meta.url).pathname;

describe("IPv6", () => {
  let started: TestNetworks;
  let machine: Agent;
  let outside: Agent;
  const agents: Agent[] = [];

  before(async () => {
    // The neighbour is a router that is believed, until the machine forwards packets itself.
    run("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
    started = await startNetworks();
    [machine, outside] = await Promise.all([startAgent(), startOutside()]);
    run(
      "ip addr add 2001:db8:1::1/64 dev out0 nodad;" +
        `nsenter --net=/proc/${outside.pid}/ns/net sh -c 'ip addr add 2001:db8:1::2/64 dev out1 nodad; ip route add default via 2001:db8:1::1'`,
    );
    await outside.serve("tcp", 7, "outside");
  });
  after(async () => {
    await Promise.all([machine, outside, ...agents].map((agent) => agent.stop()));
    await started.stop();
  });

  async function startContainer(
    endpoints: Record<string, EndpointSettings>,
    portBindings: PortMap = {},
    more: { refusesIpv6?: boolean } = {},
  ) {
    const [mode = ""] = Object.keys(endpoints);
    const request = newRequest({ mode, endpoints, portBindings, ...more });
    const sandbox = await started.networks.open(request);
    const agent = await startAgent(sandbox.netnsPath);
    agents.push(agent);
    sandbox.release();
    await agent.serve("tcp", 80, "web");
    await agent.serve("tcp", 81, "hidden");
    await agent.serve("udp", 53, "dns");
    const settings = sandbox.endpoints[mode] ?? {};
    return {
      ...{ agent, settings, ports: sandbox.ports, id: request.owner.id, endpoints: sandbox.endpoints },
      inside: (command: string) => run(`nsenter --net=/proc/${agent.pid}/ns/net ${command}`),
    };
  }
  const create = (body: NetworkCreateRequest) => started.networks.createNetwork(body);

  test("is off where nobody asks for it", async () => {
    const { settings, inside } = await startContainer({ bridge: {} });
    assert.equal(settings.GlobalIPv6Address, "");
    assert.doesNotMatch(inside("ip -6 addr show eth0"), /inet6/);
    assert.doesNotMatch(run("ip -6 addr show berth-test0"), /inet6/);
    assert.equal(run("cat /proc/sys/net/ipv6/conf/all/forwarding").trim(), "0");
  });

  test("of a network comes with a subnet that is this engine's own, beside IPv4", async () => {
    const record = await create({ Name: "dual", EnableIPv6: true });
    // sha256("test") begins with 9f86d081884c7d65: 40 bits of it follow fd.
    assert.deepEqual(
      record.ipam.map(({ subnet, gateway }) => [
        subnet.replace(/^172\..*/, "IPv4"),
        gateway.replace(/^172\..*/, "IPv4"),
      ]),
      [
        ["IPv4", "IPv4"],
        ["fd81:884c:7d65::/64", "fd81:884c:7d65::1"],
      ],
    );
    const next = await create({ Name: "next", EnableIPv6: true });
    assert.equal(next.ipam[1]?.subnet, "fd81:884c:7d65:1::/64");
    const { settings, inside } = await startContainer({ dual: {} });
    assert.deepEqual(
      [settings.GlobalIPv6Address, settings.GlobalIPv6PrefixLen, settings.IPv6Gateway],
      ["fd81:884c:7d65::2", 64, "fd81:884c:7d65::1"],
    );
    assert.match(inside("ip -6 route"), /default via fd81:884c:7d65::1 dev eth0/);
    assert.match(inside("ip -6 addr show eth0"), /inet6 fd81:884c:7d65::2\/64 scope global nodad/);
    assert.equal(run("cat /proc/sys/net/ipv6/conf/all/forwarding").trim(), "1");
    assert.equal(run("cat /proc/sys/net/ipv6/conf/out0/accept_ra").trim(), "2");
    assert.equal(run(`cat /proc/sys/net/ipv6/conf/${record.bridge?.link}/accept_ra`).trim(), "0");
    await create({
      ...{ Name: "half", EnableIPv6: true },
      IPAM: { Config: [{ Subnet: "fd81:884c:7d66::/64" }] },
    });
    const fixed = await startContainer({ half: { IPAMConfig: { IPv6Address: "fd81:884c:7d66::aa" } } });
    assert.equal(fixed.settings.GlobalIPv6Address, "fd81:884c:7d66::aa");
    const second = await startContainer({ dual: {} });
    assert.equal(await second.agent.ask("tcp", "fd81:884c:7d65::2", 80), "web sees fd81:884c:7d65::3");
    assert.equal(await second.agent.ask("tcp", "2001:db8:1::2", 7), "outside sees 2001:db8:1::1");
    assert.equal(await machine.ask("tcp", "fd81:884c:7d65::2", 81), "hidden sees fd81:884c:7d65::1");
    run(`nsenter --net=/proc/${outside.pid}/ns/net ip route add fd81:884c:7d65::/48 via 2001:db8:1::1`);
    assert.equal(await outside.askInVain("tcp", "fd81:884c:7d65::2", 81), "silence");
    const third = await startContainer({ next: {} });
    assert.equal(await third.agent.askInVain("tcp", "fd81:884c:7d65::2", 80), "silence");
  });

  test("publishes a port on both families under one number, and says only what answers", async () => {
    const server = await startContainer(
      { dual: {} },
      { "80/tcp": [{ HostIp: "", HostPort: "8400" }], "53/udp": [{ HostIp: "", HostPort: "" }] },
    );
    assert.deepEqual(server.ports["80/tcp"], [
      { HostIp: "0.0.0.0", HostPort: "8400" },
      { HostIp: "::", HostPort: "8400" },
    ]);
    const [first, second] = server.ports["53/udp"] ?? [];
    assert.equal(first?.HostPort, second?.HostPort);
    const udp = Number(first?.HostPort);
    assert.equal(await outside.ask("tcp", "198.51.100.1", 8400), "web sees 198.51.100.2");
    assert.equal(await outside.ask("tcp", "2001:db8:1::1", 8400), "web sees 2001:db8:1::2");
    assert.equal(await outside.ask("udp", "2001:db8:1::1", udp), "dns sees 2001:db8:1::2");
    assert.match(await machine.ask("tcp", "2001:db8:1::1", 8400), /^web sees/);
    const neighbour = await startContainer({ dual: {} });
    const other = await startContainer({ next: {} });
    for (const { agent } of [neighbour, other, server])
      assert.match(await agent.ask("tcp", "2001:db8:1::1", 8400), /^web sees/);
    await assert.rejects(startContainer({ dual: {} }, { "80/tcp": [{ HostIp: "::", HostPort: "8400" }] }), {
      message: /Bind for ::?.*8400 failed: port is already allocated$/,
    });
    const plain = await startContainer({ bridge: {} }, { "80/tcp": [{ HostIp: "", HostPort: "8401" }] });
    assert.deepEqual(plain.ports["80/tcp"], [{ HostIp: "0.0.0.0", HostPort: "8401" }]);
    const one = await startContainer(
      { dual: {} },
      { "80/tcp": [{ HostIp: "2001:db8:1::1", HostPort: "8402" }] },
    );
    assert.deepEqual(one.ports["80/tcp"], [{ HostIp: "2001:db8:1::1", HostPort: "8402" }]);
    assert.equal(await outside.ask("tcp", "2001:db8:1::1", 8402), "web sees 2001:db8:1::2");
    assert.match(await outside.askInVain("tcp", "198.51.100.1", 8402), /ECONNREFUSED|silence/);
    assert.deepEqual(
      (await started.networks.check(() => [])).filter(({ subject }) => /filter|ports/.test(subject)),
      [],
    );
  });

  test("alone makes a network without IPv4", async () => {
    const record = await create({
      Name: "six",
      EnableIPv4: false,
      EnableIPv6: true,
      IPAM: { Config: [{ Subnet: "2001:db8:2::/64" }] },
    });
    assert.deepEqual(
      record.ipam.map(({ subnet }) => subnet),
      ["2001:db8:2::/64"],
    );
    const server = await startContainer({ six: {} }, { "80/tcp": [{ HostIp: "", HostPort: "8410" }] });
    assert.deepEqual(
      [server.settings.IPAddress, server.settings.Gateway, server.settings.GlobalIPv6Address],
      ["", "", "2001:db8:2::2"],
    );
    assert.deepEqual(server.ports["80/tcp"], [{ HostIp: "::", HostPort: "8410" }]);
    assert.doesNotMatch(server.inside("ip -4 addr show eth0"), /inet /);
    assert.equal(server.inside("ip -4 route"), "");
    assert.equal(await outside.ask("tcp", "2001:db8:1::1", 8410), "web sees 2001:db8:1::2");
    await assert.rejects(
      startContainer({ six: {} }, { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8411" }] }),
      {
        kind: "notImplemented",
      },
    );
  });

  test("is routed without translation where a network says so", async () => {
    await create({
      Name: "routed",
      EnableIPv6: true,
      ...option("bridge.gateway_mode_ipv6", "routed"),
      IPAM: { Config: [{ Subnet: "2001:db8:3::/64" }] },
    });
    const server = await startContainer({ routed: {} }, { "80/tcp": [{ HostIp: "", HostPort: "8420" }] });
    assert.deepEqual(server.ports["80/tcp"], [
      { HostIp: "0.0.0.0", HostPort: "8420" },
      { HostIp: "::", HostPort: "" },
    ]);
    assert.equal(await outside.ask("tcp", "2001:db8:3::2", 80), "web sees 2001:db8:1::2");
    assert.equal(await outside.askInVain("tcp", "2001:db8:3::2", 81), "silence");
    assert.equal(await server.agent.ask("tcp", "2001:db8:1::2", 7), "outside sees 2001:db8:3::2");
    assert.equal(await outside.ask("tcp", "198.51.100.1", 8420), "web sees 198.51.100.2");
  });

  test("goes with a network that a running container is connected to, and leaves with it", async () => {
    const server = await startContainer({ bridge: {} }, { "80/tcp": [{ HostIp: "", HostPort: "" }] });
    const port = Number(server.ports["80/tcp"]?.[0]?.HostPort);
    const [, ticks = ""] =
      /^\S+ \(.*\) (?:\S+ ){19}(\S+)/.exec(run(`cat /proc/${server.agent.pid}/stat`)) ?? [];
    const owner = {
      ...{ id: server.id, name: "moving", hostname: "", refusesIpv6: false },
      process: { pid: server.agent.pid, startTicks: Number(ticks) },
      ports: {
        portBindings: { "80/tcp": [{ HostIp: "", HostPort: "" }] },
        exposedPorts: [],
        publishAll: false,
      },
    };
    await started.networks.connect(owner, "dual", {});
    const both = [
      { HostIp: "0.0.0.0", HostPort: String(port) },
      { HostIp: "::", HostPort: String(port) },
    ];
    assert.deepEqual(started.networks.view(server.id)?.ports["80/tcp"], both);
    assert.match(server.inside("ip -6 route"), /default via fd81:884c:7d65::1 dev eth1/);
    assert.equal(await outside.ask("tcp", "2001:db8:1::1", port), "web sees 2001:db8:1::2");
    await started.networks.disconnect(owner, "dual");
    assert.deepEqual(started.networks.view(server.id)?.ports["80/tcp"], both.slice(0, 1));
    assert.match(await outside.askInVain("tcp", "2001:db8:1::1", port), /ECONNREFUSED|silence/);
    assert.equal(await outside.ask("tcp", "198.51.100.1", port), "web sees 198.51.100.2");
  });

  test("is not there for a container that has switched it off", async () => {
    const { settings, ports } = await startContainer(
      { dual: {} },
      { "80/tcp": [{ HostIp: "", HostPort: "8430" }] },
      { refusesIpv6: true },
    );
    assert.equal(settings.GlobalIPv6Address, "");
    assert.notEqual(settings.IPAddress, "");
    assert.deepEqual(ports["80/tcp"], [{ HostIp: "0.0.0.0", HostPort: "8430" }]);
  });

  test("link-local addresses are there beside those of the network, and no others may be called so", async () => {
    const LinkLocalIPs = ["169.254.7.7", "fe80::77"];
    const { inside } = await startContainer({ dual: { IPAMConfig: { LinkLocalIPs } } });
    assert.match(inside("ip addr show eth0"), /169\.254\.7\.7\/16.*fe80::77\/64/s);
    await assert.rejects(startContainer({ dual: { IPAMConfig: { LinkLocalIPs: ["1.2.3.4"] } } }), {
      kind: "invalid",
      message: "invalid link local IP address: 1.2.3.4",
    });
    assert.throws(
      () =>
        started.networks.checkEndpoints({ dual: { IPAMConfig: { LinkLocalIPs: ["x"], IPv6Address: "y" } } }),
      {
        message:
          "invalid config for network dual: invalid endpoint settings:\n* invalid IPv6 address: y\n" +
          "* user specified IP address is supported only when connecting to networks with user configured subnets\n" +
          "* invalid link-local IP address: x",
      },
    );
  });

  test("no router advertisement of a container is believed, by the machine or by its neighbours", async () => {
    const [attacker, victim] = [await startContainer({ dual: {} }), await startContainer({ dual: {} })];
    const learnt = () =>
      (run("ip -6 addr; ip -6 route") + victim.inside("ip -6 addr") + victim.inside("ip -6 route")).match(
        /2001:db8:bad|default via fe80::bad0/g,
      ) ?? [];
    for (let times = 0; times < 5; times++) {
      run(
        `nsenter --net=/proc/${attacker.agent.pid}/ns/net ${process.execPath} ${sendFrame} eth0 ${routerAdvertisement()}`,
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.deepEqual(learnt(), []);
  });

  test("a UDP client that keeps its socket is led to the new container", async () => {
    const client = dgram.createSocket("udp6");
    await new Promise<void>((resolve) => client.connect(8440, "2001:db8:1::1", resolve));
    client.on("error", () => {});
    for (const _ of [1, 2]) {
      const server = await startContainer({ dual: {} }, { "53/udp": [{ HostIp: "", HostPort: "8440" }] });
      const answer = once(client, "message", { signal: AbortSignal.timeout(60_000) });
      client.send("?");
      assert.match(String((await answer)[0]), /^dns sees/);
      await started.networks.close(server.id);
    }
    client.close();
  });

  test("what cannot be is refused in Docker's words", async () => {
    const six = (Subnet: string, more = {}) => ({
      Name: "n",
      EnableIPv6: true,
      IPAM: { Config: [{ Subnet, ...more }] },
    });
    const rows: [NetworkCreateRequest, string][] = [
      [six("fe80::/80"), "'fe80::/80' clashes with the Link-Local prefix 'fe80::/64'"],
      [six("ff00::/64"), "multicast subnet 'ff00::/64' is not allowed"],
      [
        six("fd81:884c:7d65::/60"),
        "invalid pool request: Pool overlaps with other one on this address space",
      ],
      [
        six("2001:db8:9::1/64"),
        "invalid network config:\ninvalid subnet 2001:db8:9::1/64: it should be 2001:db8:9::/64",
      ],
    ];
    for (const [body, message] of rows) await assert.rejects(create(body), { message });
    // Kept, shown, and of no effect, as long as the network has no IPv6.
    const unused = await create({ Name: "unused", IPAM: { Config: [{ Subnet: "2001:db8:4::/64" }] } });
    assert.equal(unused.ipam[0]?.subnet, "2001:db8:4::/64");
    await create({ ...six("2001:db8:4::/64"), Name: "user" });
    assert.equal((await startContainer({ unused: {} })).settings.GlobalIPv6Address, "");
  });
});

test("the default bridge has IPv6 when the daemon is told so, and the settings of the rest", async () => {
  const started = await startNetworks({
    hasIpv6: true,
    bip4: undefined,
    bip: { 4: parseSubnet("10.90.0.1/16"), 6: undefined },
    fixedCidr: { 4: parseSubnet("10.90.7.0/24"), 6: parseSubnet("2001:db8:7::/64") },
    mtu: 1400,
    letsContainersTalk: false,
    subnetSources: [{ base: parseSubnet("10.91.0.0/16")!, size: 26 }],
    defaultOptions: {
      bridge: { "com.docker.network.driver.mtu": "1300", "com.docker.network.enable_ipv6": "true" },
    },
  });
  const request = newRequest();
  const sandbox = await started.networks.open(request);
  const { IPAddress, Gateway, GlobalIPv6Address, IPv6Gateway } = sandbox.endpoints.bridge ?? {};
  assert.deepEqual(
    [IPAddress, Gateway, GlobalIPv6Address, IPv6Gateway],
    ["10.90.7.0", "10.90.0.1", "2001:db8:7::2", "2001:db8:7::1"],
  );
  assert.match(run(`nsenter --net=${sandbox.netnsPath} ip link show eth0`), /mtu 1400/);
  sandbox.release();
  await started.networks.close(request.owner.id);
  const record = await started.networks.createNetwork({ Name: "made" });
  assert.equal(record.ipam[0]?.subnet, "10.91.0.0/26");
  assert.equal(record.hasIpv6, true);
  assert.equal(record.bridge?.mtu, 1300);
  const without = await started.networks.createNetwork({ Name: "four", EnableIPv6: false });
  assert.equal(without.hasIpv6, false);
  const later = await started.restart({
    hasIpv6: false,
    bip: { 4: parseSubnet("10.90.0.1/16"), 6: undefined },
  });
  assert.equal(later.getNetwork("bridge").hasIpv6, false);
  await eventually(
    () => run("ip -6 addr show berth-test0"),
    (text) => !text.includes("2001:db8:7"),
  );
  await started.stop();
});

test("a machine with IPv6 switched off works without a word, and gives it to networks that ask for it", async () => {
  run(
    "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6",
  );
  const started = await startNetworks();
  const request = newRequest({ portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8450" }] } });
  const sandbox = await started.networks.open(request);
  assert.deepEqual(sandbox.ports["80/tcp"], [{ HostIp: "0.0.0.0", HostPort: "8450" }]);
  sandbox.release();
  await started.networks.close(request.owner.id);
  await started.networks.createNetwork({ Name: "dual", EnableIPv6: true });
  const dual = newRequest({ mode: "dual" });
  const second = await started.networks.open(dual);
  assert.match(run(`nsenter --net=${second.netnsPath} ip -6 addr show eth0`), /inet6 fd/);
  second.release();
  await started.networks.close(dual.owner.id);
  await started.stop();
});

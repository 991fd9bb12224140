import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { EndpointSettings, NetworkCreateRequest } from "../../src/formats/docker-api/docker-api.ts";
import type { Sandbox } from "../../src/networks/networks.ts";
import { startTicks } from "../../src/sys/process.ts";
import { type Agent, newRequest, run, startAgent, startNetworks, type TestNetworks } from "./machine.ts";

/** A link of the machine whose other end is a neighbour's, 10.70.0.250 there. */
async function startNeighbour(parent: string): Promise<Agent> {
  const neighbour = await startAgent("new");
  const inside = `nsenter --net=/proc/${neighbour.pid}/ns/net`;
  run(`ip link add ${parent} type veth peer name lan0 netns ${neighbour.pid} && ip link set ${parent} up`);
  run(`${inside} sh -c 'ip addr add 10.70.0.250/24 dev lan0; ip link set lan0 up; ip link set lo up'`);
  return neighbour;
}

const onParent = (parent: string, more: Partial<NetworkCreateRequest> = {}): NetworkCreateRequest => ({
  Driver: "macvlan",
  Options: { parent },
  IPAM: { Config: [{ Subnet: "10.70.0.0/24", Gateway: "10.70.0.250" }] },
  ...more,
});

describe("macvlan", () => {
  let started: TestNetworks;
  let neighbour: Agent;
  before(async () => {
    neighbour = await startNeighbour("par0");
    started = await startNetworks();
  });
  after(async () => {
    await started.stop();
    await neighbour.stop();
  });

  /** A container with one process. */
  async function open(mode: string, endpoints: Record<string, EndpointSettings> = { [mode]: {} }) {
    const request = newRequest({
      ...{ mode, endpoints, exposedPorts: ["80/tcp"] },
      portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8950" }] },
    });
    const sandbox = await started.networks.open(request);
    const agent = await startAgent(sandbox.netnsPath);
    const process = { pid: agent.pid, startTicks: startTicks(agent.pid) ?? 0 };
    sandbox.release(process);
    const ports = { portBindings: {}, exposedPorts: [], publishAll: false };
    const owner = {
      ...{ id: request.owner.id, name: request.ownerName, hostname: "", process, ports },
      refusesIpv6: false,
    };
    return { sandbox, agent, owner };
  }

  async function close({ agent, owner }: { agent: Agent; owner: { id: string } }): Promise<void> {
    await agent.stop();
    await started.networks.close(owner.id);
  }

  const inside = (sandbox: { agent: Agent }, command: string) =>
    run(`nsenter --net=/proc/${sandbox.agent.pid}/ns/net ${command}`);
  const addressOf = ({ endpoints }: Sandbox, network: string) => endpoints[network]?.IPAddress ?? "";
  const problems = async (live: string[]) =>
    (await started.networks.check(() => live)).map(({ subject, problem }) => `${subject}: ${problem}`);

  test("containers are neighbours of the machines on the parent link, and publish nothing", async () => {
    await started.networks.createNetwork({ Name: "lan", ...onParent("par0") });
    const [one, other] = [await open("lan"), await open("lan")];
    assert.equal(addressOf(one.sandbox, "lan"), "10.70.0.1");
    assert.equal(one.sandbox.endpoints.lan?.Gateway, "10.70.0.250");
    assert.match(inside(one, "ip route"), /^default via 10\.70\.0\.250 dev eth0/);
    assert.match(inside(one, "ip -d link show eth0"), /macvlan mode bridge/);
    assert.match(inside(one, "ip link show eth0"), new RegExp(`${one.sandbox.endpoints.lan?.MacAddress}`));
    assert.deepEqual(one.sandbox.ports, {});
    await one.agent.serve("tcp", 80, "web");
    assert.equal(await other.agent.ask("tcp", "10.70.0.1", 80), "web sees 10.70.0.2");
    assert.equal(await neighbour.ask("tcp", "10.70.0.1", 80), "web sees 10.70.0.250");
    const machine = await startAgent();
    run("ip addr add 10.70.0.251/24 dev par0");
    // As the kernel has it: the parent's own machine is the one that does not see them.
    assert.match(await machine.askInVain("tcp", "10.70.0.1", 80), /^(silence|EHOSTUNREACH)$/);
    assert.equal(await machine.askInVain("tcp", "127.0.0.1", 8950), "ECONNREFUSED");
    run("ip addr del 10.70.0.251/24 dev par0");
    await machine.stop();
    const live = [one, other].map(({ owner }) => owner.id);
    assert.deepEqual(await problems(live), []);
    await Promise.all([close(one), close(other)]);
    await started.networks.removeNetwork("lan");
    assert.match(run("ip link show par0"), /state UP/, "the machine's own link stays");
  });

  test("addresses come from the first subnet with room, or the one that --ip is in, with that one's gateway", async () => {
    await started.networks.createNetwork({
      Name: "many",
      ...onParent("par0"),
      EnableIPv6: true,
      IPAM: {
        Config: [
          {
            Subnet: "10.70.1.0/29",
            Gateway: "10.70.1.1",
            AuxiliaryAddresses: { a: "10.70.1.2", b: "10.70.1.4" },
          },
          { Subnet: "10.70.2.0/24", IPRange: "10.70.2.128/25", Gateway: "10.70.2.1" },
          { Subnet: "fd70::/64" },
        ],
      },
    });
    const fixed = { many: { IPAMConfig: { IPv4Address: "10.70.2.9" } } };
    const all = [
      await open("many"),
      await open("many", fixed),
      await open("many"),
      await open("many"),
      await open("many"),
    ];
    assert.deepEqual(
      all.map(({ sandbox }) => addressOf(sandbox, "many")),
      ["10.70.1.3", "10.70.2.9", "10.70.1.5", "10.70.1.6", "10.70.2.128"],
    );
    const last = all[4]!;
    assert.equal(last.sandbox.endpoints.many?.Gateway, "10.70.2.1");
    assert.match(inside(last, "ip route"), /^default via 10\.70\.2\.1 dev eth0/);
    assert.match(inside(last, "ip -6 addr show eth0"), /inet6 fd70::6\/64/);
    await close(all[0]!);
    const again = await open("many");
    assert.equal(addressOf(again.sandbox, "many"), "10.70.1.3");
    for (const one of [...all.slice(1), again]) await close(one);
    await assert.rejects(open("many", { many: { IPAMConfig: { IPv4Address: "10.70.3.9" } } }), {
      message: /no configured subnet or ip-range contain the IP address 10\.70\.3\.9/,
    });
    await started.networks.removeNetwork("many");
  });

  test("a running container joins and leaves, and its own links of that name stay", async () => {
    await started.networks.createNetwork({ Name: "lan", ...onParent("par0") });
    const one = await open("bridge");
    await started.networks.connect(one.owner, "lan", {});
    await neighbour.serve("tcp", 81, "router");
    assert.match(await one.agent.ask("tcp", "10.70.0.250", 81), /^router sees 10\.70\.0\./);
    assert.match(inside(one, "ip route"), /^default via 10\.90\.0\.1 dev eth0/);
    assert.deepEqual(await problems([one.owner.id]), []);
    await started.networks.disconnect(one.owner, "lan");
    assert.doesNotMatch(inside(one, "ip link"), /eth1/);
    inside(one, "ip link add eth1 type veth peer name other");
    await assert.rejects(started.networks.connect(one.owner, "lan", {}), { kind: "conflict" });
    assert.match(inside(one, "ip link"), /eth1/);
    inside(one, "ip link del eth1");
    // The bridge's priority is lower: default route and back.
    await started.networks.connect(one.owner, "lan", { GwPriority: 5 });
    assert.match(inside(one, "ip route"), /^default via 10\.70\.0\.250 dev eth1/);
    await started.networks.disconnect(one.owner, "lan");
    assert.match(inside(one, "ip route"), /^default via 10\.90\.0\.1 dev eth0/);
    await close(one);
    await started.networks.removeNetwork("lan");
  });

  test("without a parent the network leads nowhere, and its link goes with it", async () => {
    const record = await started.networks.createNetwork({ Name: "alone", Driver: "macvlan" });
    const link = `dm-${record.id.slice(0, 12)}`;
    assert.match(run(`ip -d link show ${link}`), /dummy|ifb/);
    assert.equal(record.isInternal, true);
    const [one, other] = [await open("alone"), await open("alone")];
    assert.equal(inside(one, "ip route show default"), "");
    await one.agent.serve("udp", 53, "peer");
    assert.match(await other.agent.ask("udp", addressOf(one.sandbox, "alone"), 53), /^peer sees/);
    run(`ip link del ${link}`);
    const found = await problems([one, other].map(({ owner }) => owner.id));
    assert.ok(found.includes(`parent link ${link}: it is missing`), found.join());
    assert.match(found.join("\n"), /eth0 went with its parent link; restart the container/);
    await close(one);
    // The next start makes it again.
    const third = await open("alone");
    await Promise.all([close(other), close(third)]);
    started.networks = await started.restart();
    assert.deepEqual(await problems([]), []);
    run(
      `ip link add stray0 type veth peer name stray1 && ip link set stray0 alias 'berth macvlan berth-test'`,
    );
    await started.networks.adopt(() => []);
    started.networks = await started.restart();
    assert.throws(() => run("ip link show stray0"), "what a killed daemon left of a network that is gone");
    await started.networks.removeNetwork("alone");
    assert.throws(() => run(`ip link show ${link}`));
  });

  test("is refused in Docker's words", async () => {
    const { id } = await started.networks.createNetwork({ Name: "lan", ...onParent("par0") });
    const other = { IPAM: { Config: [{ Subnet: "10.71.0.0/24" }] } };
    const wrong: [Record<string, string>, string][] = [
      [
        { macvlan_mode: "foo", parent: "par0" },
        "requested macvlan mode 'foo' is not valid, 'bridge' mode is the macvlan driver default",
      ],
      [{ parent: "lo" }, "loopback interface is not a valid macvlan parent link"],
      [{ parent: "nosuch0" }, "invalid subinterface vlan name nosuch0, example formatting is eth0.10"],
      [{ parent: "nosuch0.7" }, "-o parent interface was not found on the host: nosuch0"],
      [{ parent: "par0.5000" }, "vlan id must be between 1-4094, received: 5000"],
      [{ parent: "par0.0" }, "vlan id must be between 1-4094, received: 0"],
      [{ parent: "par0.x" }, "unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)"],
      [
        { parent: "par0.1.2" },
        "required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received par0.1.2",
      ],
      [
        { parent: "par0", macvlan_mode: "passthru" },
        `cannot use mode passthru, macvlan network ${id} is already using parent interface par0`,
      ],
      [{ parent: "par0", "com.docker.network.driver.mtu": "10" }, "invalid MTU number: 10"],
      [
        { parent: "../x" },
        "required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received ../x",
      ],
    ];
    for (const [Options, message] of wrong)
      await assert.rejects(
        started.networks.createNetwork({ Name: "n", Driver: "macvlan", Options, ...other }),
        { message },
        JSON.stringify(Options),
      );
    await assert.rejects(started.networks.createNetwork({ Name: "n", ...onParent("par0") }), {
      message: "invalid pool request: Pool overlaps with other one on this address space",
    });
    await started.networks.createNetwork({ Name: "second", ...onParent("par0", other) });
    for (const name of ["second", "lan"]) await started.networks.removeNetwork(name);
    await started.networks.createNetwork({
      Name: "all",
      ...onParent("par0", { Options: { parent: "par0", macvlan_mode: "passthru" } }),
    });
    const one = await open("all");
    assert.match(inside(one, "ip -d link show eth0"), /macvlan mode passthru/);
    await close(one);
    await started.networks.removeNetwork("all");
  });

  test("a parent that is in use by a bridge, or gone, fails the start and leaves nothing", async () => {
    run("ip link add gone0 type veth peer name gone1 && ip link add br9 type bridge");
    await started.networks.createNetwork({ Name: "lan", ...onParent("gone0") });
    run("ip link set gone0 master br9");
    await assert.rejects(open("lan"), {
      message: /failed to create the macvlan port on gone0: device or resource busy$/,
    });
    run("ip link del gone0 && ip link del br9");
    await assert.rejects(open("lan"), {
      message: /failed to create the macvlan port on gone0: no such device$/,
    });
    started.networks = await started.restart();
    await started.networks.adopt(() => []);
    assert.deepEqual(await problems([]), ["parent link gone0: it is missing"]);
    await started.networks.removeNetwork("lan");
  });
});

/** Does what needs links of a kind, or sees that the kernel has none said so. */
async function eitherWay(
  kind: string,
  options: NetworkCreateRequest,
  work: (started: TestNetworks) => Promise<void>,
) {
  const started = await startNetworks();
  try {
    await started.networks.createNetwork({ Name: "x", ...options });
    await work(started);
    await started.networks.removeNetwork("x");
  } catch (error) {
    const module = kind === "vlan" ? "8021q" : kind;
    assert.equal(
      String(error),
      `EngineError: the kernel of this machine has no ${kind} links: load its module ${module}`,
    );
    assert.throws(() => run(`ip link add probe type ${kind}`), /Unknown device type/);
    assert.equal(started.networks.findNetwork("x"), undefined);
  }
  await started.stop();
}

test("a parent with a VLAN number is made, shared, and taken with the last network", async () => {
  run("ip link add par8 type veth peer name par9 && ip link set par8 up");
  await eitherWay("vlan", { Driver: "macvlan", Options: { parent: "par8.50" } }, async ({ networks }) => {
    assert.match(run("ip -d link show par8.50"), /vlan protocol 802\.1Q id 50/);
    await networks.createNetwork({ Name: "y", Driver: "macvlan", Options: { parent: "par8.50" } });
    await networks.removeNetwork("y");
    assert.match(run("ip link show par8.50"), /par8\.50/);
  });
  assert.throws(() => run("ip link show par8.50"));
  run("ip link del par8");
});

for (const mode of ["l2", "l3", "l3s"])
  test(`ipvlan ${mode} shares the parent's MAC address`, async () => {
    run("ip link add par8 type veth peer name par9 && ip link set par8 up");
    const Options = { parent: "par8", ipvlan_mode: mode };
    await eitherWay("ipvlan", { Driver: "ipvlan", Options }, async ({ networks }) => {
      await assert.rejects(networks.createNetwork({ Name: "y", Driver: "ipvlan", Options }), {
        message: /^network di-[0-9a-f]{12} is already using parent interface par8$/,
      });
      const request = newRequest({ mode: "x" });
      const sandbox = await networks.open(request);
      const agent = await startAgent(sandbox.netnsPath);
      sandbox.release();
      const routes = run(`nsenter --net=/proc/${agent.pid}/ns/net ip route`);
      assert.match(routes, mode === "l2" ? /^default via \S+ dev eth0/ : /^default dev eth0/);
      await agent.stop();
      await networks.close(request.owner.id);
    });
    run("ip link del par8");
  });

test("ipvlan is refused in Docker's words", async () => {
  const started = await startNetworks();
  const wrong: [Record<string, string>, string][] = [
    [
      { ipvlan_mode: "l4" },
      "requested ipvlan mode 'l4' is not valid, 'l2' mode is the ipvlan driver default",
    ],
    [{ ipvlan_flag: "x" }, "requested ipvlan flag 'x' is not valid, 'bridge' is the ipvlan driver default"],
    [{ parent: "lo" }, "loopback interface is not a valid ipvlan parent link"],
  ];
  for (const [Options, message] of wrong)
    await assert.rejects(started.networks.createNetwork({ Name: "n", Driver: "ipvlan", Options }), {
      message,
    });
  await started.stop();
});

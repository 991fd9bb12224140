import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { NetworkCreateRequest } from "../../src/formats/docker-api/docker-api.ts";
import type { Networks } from "../../src/networks/networks.ts";
import {
  type Agent,
  newRequest,
  run,
  startAgent,
  startNetworks,
  startOutside,
  type TestNetworks,
} from "./machine.ts";

const option = (name: string, value: string) => ({ [`com.docker.network.${name}`]: value });
const mode = (value: string) => option("bridge.gateway_mode_ipv4", value);

describe("who reaches whom", () => {
  let started: TestNetworks;
  let machine: Agent;
  let outside: Agent;
  /** On a network of its own. */
  let other: Agent;
  const agents: Agent[] = [];
  let hostPort = 8300;

  before(async () => {
    started = await startNetworks();
    [machine, outside] = await Promise.all([startAgent(), startOutside()]);
    // It routes the containers' subnets, as another host of a two-machine set-up does.
    run(`nsenter --net=/proc/${outside.pid}/ns/net ip route add 10.0.0.0/8 via 198.51.100.1`);
    await outside.serve("tcp", 7, "outside");
    other = (await startServer("bridge")).agent;
  });
  after(async () => {
    await Promise.all([machine, outside, ...agents].map((agent) => agent.stop()));
    await started.stop();
  });

  /** Serves port 80, published at a port of this machine, and 81, which is not. */
  async function startServer(network: string, hostIp = "") {
    const port = ++hostPort;
    const portBindings = { "80/tcp": [{ HostIp: hostIp, HostPort: String(port) }] };
    const request = newRequest({ mode: network, portBindings });
    const sandbox = await started.networks.open(request);
    const agent = await startAgent(sandbox.netnsPath);
    agents.push(agent);
    sandbox.release();
    await agent.serve("tcp", 80, "web");
    await agent.serve("tcp", 81, "hidden");
    const settings = Object.values(sandbox.endpoints)[0] ?? {};
    return {
      agent,
      port,
      ports: sandbox.ports,
      settings,
      address: settings.IPAddress ?? "",
      id: request.owner.id,
    };
  }

  async function make(subnet: string, more: Partial<NetworkCreateRequest> = {}): Promise<string> {
    const name = subnet.replace(/\/.*/, "");
    await started.networks.createNetwork({ Name: name, IPAM: { Config: [{ Subnet: subnet }] }, ...more });
    return name;
  }

  const reaches = async (agent: Agent, host: string, port: number) =>
    /sees/.test(await agent.askInVain("tcp", host, port)) ? "yes" : "no";

  /** To ports 80 and 81: of another host, the machine, a container of another network, a neighbour; then the way out. */
  const rows: [string, Partial<NetworkCreateRequest>, Record<string, string>][] = [
    [
      "nat",
      {},
      {
        outside: "no no",
        machine: "yes yes",
        other: "no no",
        neighbour: "yes yes",
        out: "yes",
        host: "yes yes",
      },
    ],
    [
      "nat-unprotected",
      { Options: mode("nat-unprotected") },
      {
        outside: "yes yes",
        machine: "yes yes",
        other: "no no",
        neighbour: "yes yes",
        out: "yes",
        host: "yes yes",
      },
    ],
    [
      "routed",
      { Options: mode("routed") },
      {
        outside: "yes no",
        machine: "yes yes",
        other: "yes no",
        neighbour: "yes yes",
        out: "yes",
        host: "no no",
      },
    ],
    [
      "internal",
      { Internal: true },
      {
        outside: "no no",
        machine: "yes yes",
        other: "no no",
        neighbour: "yes yes",
        out: "no",
        host: "no no",
      },
    ],
    [
      "isolated",
      { Internal: true, Options: mode("isolated") },
      { outside: "no no", machine: "no no", other: "no no", neighbour: "yes yes", out: "no", host: "no no" },
    ],
    [
      "nat without talk between containers",
      { Options: option("bridge.enable_icc", "false") },
      {
        outside: "no no",
        machine: "yes yes",
        other: "no no",
        neighbour: "no no",
        out: "yes",
        host: "yes yes",
      },
    ],
  ];

  for (const [index, [name, more, expected]] of rows.entries()) {
    test(`a network that is ${name}`, async () => {
      const network = await make(`10.30.${index}.0/24`, more);
      const server = await startServer(network);
      const neighbour = await startServer(network);
      const both = async (agent: Agent) =>
        (await Promise.all([80, 81].map((port) => reaches(agent, server.address, port)))).join(" ");
      const seen = {
        outside: await both(outside),
        machine: await both(machine),
        other: await both(other),
        neighbour: await both(neighbour.agent),
        out: await reaches(server.agent, "198.51.100.2", 7),
        // The published port, from another host and from a container of another network.
        host: (
          await Promise.all([outside, other].map((agent) => reaches(agent, "198.51.100.1", server.port)))
        ).join(" "),
      };
      assert.deepEqual(seen, expected);
      const route = run(`nsenter --net=/proc/${server.agent.pid}/ns/net ip route show default`);
      assert.equal(route !== "", !more.Internal);
      assert.equal(server.settings.Gateway !== "", !more.Internal);
    });
  }

  test("an internal network's container reaches no published port of another network", async () => {
    const network = await make("10.31.0.0/24", { Internal: true });
    const inside = await startServer(network);
    const server = await startServer("bridge");
    assert.deepEqual(inside.ports, {});
    assert.equal(await reaches(inside.agent, "198.51.100.1", server.port), "no");
    // By a route that it has made itself.
    run(`nsenter --net=/proc/${inside.agent.pid}/ns/net ip route add default via 10.31.0.1`);
    assert.equal(await reaches(inside.agent, "198.51.100.1", server.port), "no");
    assert.equal(await reaches(inside.agent, "198.51.100.2", 7), "no");
    assert.equal(await reaches(inside.agent, server.address, 80), "no");
  });

  test("a routed network shows its ports without one of this machine, and packets keep their address", async () => {
    const network = await make("10.32.0.0/24", { Options: mode("routed") });
    const server = await startServer(network);
    assert.deepEqual(server.ports, { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "" }] });
    assert.equal(await server.agent.ask("tcp", "198.51.100.2", 7), `outside sees ${server.address}`);
    await started.networks.close(server.id);
    assert.doesNotMatch(run("nft list set inet berth-test opened"), /10\.32/);
  });

  test("trusted links reach published ports at the containers' own addresses, others do not", async () => {
    const trusting = await make("10.33.0.0/24", {
      Options: option("bridge.trusted_host_interfaces", "wg0:out0"),
    });
    const wary = await make("10.33.1.0/24", { Options: option("bridge.trusted_host_interfaces", "wg0") });
    const [open, closed] = [await startServer(trusting), await startServer(wary)];
    assert.deepEqual(await Promise.all([80, 81].map((port) => reaches(outside, open.address, port))), [
      "yes",
      "no",
    ]);
    assert.equal(await reaches(outside, closed.address, 80), "no");
    assert.equal(await reaches(other, open.address, 80), "no");
  });

  test("packets leave with the address that the network says, or with their own", async () => {
    run("ip addr add 198.51.100.77/24 dev out0");
    const chosen = await startServer(
      await make("10.34.0.0/24", { Options: option("host_ipv4", "198.51.100.77") }),
    );
    assert.equal(await chosen.agent.ask("tcp", "198.51.100.2", 7), "outside sees 198.51.100.77");
    const plain = await startServer(
      await make("10.34.1.0/24", { Options: option("bridge.enable_ip_masquerade", "false") }),
    );
    assert.equal(await plain.agent.ask("tcp", "198.51.100.2", 7), `outside sees ${plain.address}`);
    assert.equal(await reaches(outside, plain.address, 80), "no");
  });

  test("a network can publish on one address, and name its interfaces", async () => {
    const network = await make("10.35.0.0/24", {
      Options: {
        ...option("bridge.host_binding_ipv4", "127.0.0.1"),
        ...option("container_iface_prefix", "lan"),
      },
    });
    const server = await startServer(network);
    assert.deepEqual(server.ports, { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: String(server.port) }] });
    assert.equal(await reaches(machine, "127.0.0.1", server.port), "yes");
    assert.equal(await reaches(outside, "198.51.100.1", server.port), "no");
    assert.match(run(`nsenter --net=/proc/${server.agent.pid}/ns/net ip -o link`), /: lan0@/);
    const everywhere = await startServer(network, "0.0.0.0");
    assert.equal(await reaches(outside, "198.51.100.1", everywhere.port), "yes");
  });

  test("a bridge without an address, and another gateway than this machine", async () => {
    const network = await make("10.36.0.0/24", {
      Options: option("bridge.inhibit_ipv4", "true"),
      IPAM: {
        Config: [
          {
            Subnet: "10.36.0.0/24",
            AuxiliaryAddresses: { DefaultGatewayIPv4: "10.36.0.254", own: "10.36.0.2" },
          },
        ],
      },
    });
    const server = await startServer(network);
    assert.deepEqual([server.address, server.settings.Gateway], ["10.36.0.3", "10.36.0.254"]);
    assert.match(
      run(`nsenter --net=/proc/${server.agent.pid}/ns/net ip route`),
      /default via 10\.36\.0\.254/,
    );
    assert.doesNotMatch(run("ip -4 addr"), /10\.36/);
    assert.equal(await reaches(machine, server.address, 80), "no");
  });

  test("a bridge that was there keeps what it has, and stays", async () => {
    run("ip link add mine0 type bridge; ip addr add 10.37.0.7/24 dev mine0; ip link set mine0 up");
    const record = await started.networks.createNetwork({
      Name: "onmine",
      Options: option("bridge.name", "mine0"),
    });
    assert.deepEqual(
      record.ipam.map(({ subnet, gateway }) => [subnet, gateway]),
      [["10.37.0.0/24", "10.37.0.7"]],
    );
    const server = await startServer("onmine");
    assert.equal(await reaches(machine, server.address, 81), "yes");
    await server.agent.stop();
    agents.splice(agents.indexOf(server.agent), 1);
    await started.networks.close(server.id);
    await started.networks.removeNetwork("onmine");
    assert.match(run("ip addr show mine0"), /10\.37\.0\.7\/24/);
    assert.doesNotMatch(run("nft list table inet berth-test"), /mine0/);
    run("ip link del mine0");
  });

  test("the administrator's rules come first, and stay whatever happens to ours", async () => {
    const network = await make("10.38.0.0/24");
    const server = await startServer(network);
    const table = "inet berth-test";
    run(
      `nft 'add set ${table} administrator_friends { type ipv4_addr; }; add element ${table} administrator_friends { 198.51.100.2 };` +
        `add rule ${table} administrator ip saddr @administrator_friends tcp dport 81 accept'`,
    );
    assert.equal(await reaches(outside, server.address, 81), "yes");
    assert.equal(await reaches(other, server.address, 81), "no");
    const rules = () => run(`nft list chain ${table} administrator`);
    const before = rules();
    assert.match(before, /friends/);
    const findings = async (networks: Networks) =>
      (await networks.check(() => [])).filter(({ subject }) => subject === "packet filter");
    assert.deepEqual(await findings(started.networks), []);
    run(`nft 'flush chain ${table} forward'`);
    await started.networks.adopt(() => []);
    assert.equal(rules(), before);
    // Of another type, so that the whole table has to be made from scratch.
    run(
      `nft 'flush chain ${table} into_nat; delete set ${table} direct; add set ${table} direct { type ipv4_addr; }'`,
    );
    await started.networks.adopt(() => []);
    assert.equal(rules(), before);
    assert.match(run(`nft list set ${table} direct`), /type ifname/);
    assert.match(run(`nft list set ${table} administrator_friends`), /198\.51\.100\.2/);
    run(`nft 'insert rule ${table} administrator drop'`);
    assert.equal(await reaches(outside, "198.51.100.1", server.port), "no");
    run(`nft flush chain ${table} administrator`);
  });
});

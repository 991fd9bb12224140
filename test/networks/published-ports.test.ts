import assert from "node:assert/strict";
import dgram from "node:dgram";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import type { PortMap } from "../../src/formats/docker-api/docker-api.ts";
import type { Sandbox } from "../../src/networks/networks.ts";
import { conntrackType, decodeFlow, encodeFlowQuery } from "../../src/sys/conntrack-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../../src/sys/netlink.ts";
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

/** Whether packets between ports of a bridge go through the packet filter too; most machines with Docker have it on. */
function setBridgeFilter(mode: "on" | "off"): void {
  const path = "/proc/sys/net/bridge/bridge-nf-call-iptables";
  if (existsSync(path)) writeFileSync(path, mode === "on" ? "1" : "0");
}

interface Container {
  id: string;
  address: string;
  sandbox: Sandbox;
  agent: Agent;
}

describe("a published port", () => {
  let started: TestNetworks;
  let machine: Agent;
  let outside: Agent;
  const running: Container[] = [];

  before(async () => {
    started = await startNetworks();
    [machine, outside] = await Promise.all([startAgent(), startOutside()]);
  });
  after(async () => {
    await Promise.all([machine, outside, ...running.map(({ agent }) => agent)].map((agent) => agent.stop()));
    await started.stop();
  });

  async function startContainer(portBindings: PortMap = {}): Promise<Container> {
    const request = newRequest({ portBindings });
    const sandbox = await started.networks.open(request);
    const agent = await startAgent(sandbox.netnsPath);
    sandbox.release();
    const address = sandbox.endpoints.bridge?.IPAddress ?? "";
    const container = { id: request.owner.id, address, sandbox, agent };
    running.push(container);
    return container;
  }

  for (const [bridgeFilter, port] of [
    ["on", 8080],
    ["off", 8070],
  ] as const)
    test(`answers on loopback, every address, to neighbours, containers and itself (br_netfilter ${bridgeFilter})`, async () => {
      setBridgeFilter(bridgeFilter);

      const server = await startContainer({
        "80/tcp": [{ HostIp: "", HostPort: String(port) }],
        "53/udp": [{ HostIp: "0.0.0.0", HostPort: String(port) }],
      });
      const client = await startContainer();
      assert.deepEqual(server.sandbox.ports, {
        "80/tcp": [{ HostIp: "0.0.0.0", HostPort: String(port) }],
        "53/udp": [{ HostIp: "0.0.0.0", HostPort: String(port) }],
      });
      await server.agent.serve("tcp", 80, "web");
      await server.agent.serve("udp", 53, "dns");
      for (const host of ["127.0.0.1", "127.0.0.2", "198.51.100.1", "10.90.0.1"]) {
        assert.match(await machine.ask("tcp", host, port), /^web sees /, `machine to ${host}`);
        assert.match(await machine.ask("udp", host, port), /^dns sees /, `machine to ${host}`);
      }
      for (const host of ["198.51.100.1", "10.90.0.1"]) {
        assert.equal(await outside.ask("tcp", host, port), "web sees 198.51.100.2");
        assert.equal(await outside.ask("udp", host, port), "dns sees 198.51.100.2");
        assert.match(await client.agent.ask("tcp", host, port), /^web sees /);
        assert.match(await client.agent.ask("udp", host, port), /^dns sees /);
        assert.match(await server.agent.ask("tcp", host, port), /^web sees /);
        assert.match(await server.agent.ask("udp", host, port), /^dns sees /);
      }
    });

  test("on one address answers there only", async () => {
    const server = await startContainer({
      "80/tcp": [
        { HostIp: "127.0.0.1", HostPort: "8081" },
        { HostIp: "198.51.100.1", HostPort: "8082" },
      ],
    });
    const client = await startContainer();
    await server.agent.serve("tcp", 80, "web");
    assert.match(await machine.ask("tcp", "127.0.0.1", 8081), /^web sees/);
    assert.match(await outside.ask("tcp", "198.51.100.1", 8082), /^web sees/);
    const refused = /^(ECONNREFUSED|silence)$/;
    assert.match(await machine.askInVain("tcp", "127.0.0.1", 8082), refused);
    assert.match(await machine.askInVain("tcp", "198.51.100.1", 8081), refused);
    assert.match(await outside.askInVain("tcp", "198.51.100.1", 8081), refused);
    assert.match(await client.agent.askInVain("tcp", "198.51.100.1", 8081), refused);
  });

  test("does not open the machine's loopback to containers and neighbours that route there", async () => {
    const server = await startContainer({ "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8083" }] });
    const attacker = await startContainer();
    await server.agent.serve("tcp", 80, "web");
    await machine.serve("tcp", 9000, "machine");
    assert.match(await machine.ask("tcp", "127.0.0.1", 8083), /^web sees/);
    for (const [agent, gateway, link] of [
      [attacker.agent, "10.90.0.1", "eth0"],
      [outside, "198.51.100.1", "out1"],
    ] as const) {
      run(
        `nsenter --net=/proc/${agent.pid}/ns/net sh -c 'ip addr del 127.0.0.1/8 dev lo; ` +
          `echo 1 > /proc/sys/net/ipv4/conf/${link}/route_localnet; ip route add 127.0.0.0/8 via ${gateway}'`,
      );
      assert.equal(await agent.askInVain("tcp", "127.0.0.1", 9000), "silence");
      assert.equal(await agent.askInVain("tcp", "127.0.0.1", 8083), "silence");
    }
  });

  test("is the only way in from outside, and the way out hides the container's address", async () => {
    const server = await startContainer({ "80/tcp": [{ HostIp: "", HostPort: "8084" }] });
    await server.agent.serve("tcp", 80, "web");
    await server.agent.serve("tcp", 81, "hidden");
    assert.equal(await outside.askInVain("tcp", server.address, 81), "silence");
    assert.equal(await outside.askInVain("tcp", server.address, 80), "silence");
    assert.equal(await machine.ask("tcp", server.address, 81), "hidden sees 10.90.0.1");
    await outside.serve("tcp", 7, "outside");
    await outside.serve("udp", 7, "outside");
    assert.equal(await server.agent.ask("tcp", "198.51.100.2", 7), "outside sees 198.51.100.1");
    assert.equal(await server.agent.ask("udp", "198.51.100.2", 7), "outside sees 198.51.100.1");
  });

  test("goes with its container", async () => {
    const before = listElements();
    const server = await startContainer({ "80/tcp": [{ HostIp: "", HostPort: "8085" }] });
    assert.deepEqual(listElements(), [...before, `tcp . 8085 : ${server.address} . 80`].sort());
    await server.agent.serve("tcp", 80, "web");
    assert.match(await machine.ask("tcp", "127.0.0.1", 8085), /^web sees/);
    await started.networks.close(server.id);
    assert.deepEqual(listElements(), before);
    assert.equal(await machine.ask("tcp", "127.0.0.1", 8085), "ECONNREFUSED");
    assert.equal(await machine.serve("tcp", 8085, "machine"), "serving");
  });

  test("of a UDP service leads a client that keeps its socket to the new container", async () => {
    const client = dgram.createSocket("udp4");
    await new Promise<void>((resolve) => client.connect(8087, "127.0.0.1", resolve));
    const ask = async () => {
      const answer = once(client, "message", { signal: AbortSignal.timeout(60_000) });
      client.send("?");
      return String((await answer)[0]);
    };
    client.on("error", () => {});
    client.send("before anybody publishes it");
    const portBindings = { "53/udp": [{ HostIp: "", HostPort: "8087" }] };
    await outside.serve("udp", 8087, "outside");
    const other = await startContainer();
    const kernel = new NetlinkSocket(netlinkProtocol.netfilter);
    const flows = () =>
      kernel
        .dump(conntrackType.get, encodeFlowQuery(4, 17, new Set([8087])))
        .map(decodeFlow)
        .filter((flow) => flow?.destinationPort === 8087 && flow.destination.toString("hex") === "c6336402")
        .length;
    assert.match(await other.agent.ask("udp", "198.51.100.2", 8087), /^outside sees/);
    const before = flows();
    assert.ok(before > 0);
    for (const name of ["first", "second"]) {
      const server = await startContainer(portBindings);
      await server.agent.serve("udp", 53, name);
      assert.match(await ask(), new RegExp(`^${name} sees`));
      await started.networks.close(server.id);
    }
    assert.equal(flows(), before, "flows to other machines are none of our business");
    kernel.close();
    client.close();
  });

  test("that is taken is refused, and nothing stays of the container", async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(8090, "0.0.0.0", resolve));
    await startContainer({ "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8091" }] });
    const before = listElements();
    const endpoint = "driver failed programming external connectivity on endpoint \\S+ \\([0-9a-f]{64}\\): ";
    for (const [address, port] of [
      ["", "8090"],
      ["127.0.0.1", "8090"],
      ["", "8091"],
      ["127.0.0.1", "8091"],
    ] as const) {
      const request = newRequest({
        portBindings: {
          "1/tcp": [{ HostIp: "", HostPort: "8092" }],
          "80/tcp": [{ HostIp: address, HostPort: port }],
        },
      });
      await assert.rejects(started.networks.open(request), {
        kind: "internal",
        message: new RegExp(
          `^${endpoint}Bind for ${address || "0.0.0.0"}:${port} failed: port is already allocated$`,
        ),
      });
    }
    server.close();
    assert.deepEqual(listElements(), before);
    const next = await startContainer({
      "80/tcp": [{ HostIp: "", HostPort: "8090" }],
      "1/tcp": [{ HostIp: "", HostPort: "8092" }],
    });
    assert.deepEqual(Object.keys(next.sandbox.ports), ["80/tcp", "1/tcp"]);
    await assert.rejects(
      started.networks.open(
        newRequest({ portBindings: { "80/tcp": [{ HostIp: "192.0.2.99", HostPort: "80" }] } }),
      ),
      { message: /cannot assign requested address/ },
    );
  });

  test("of the same number is free for the other protocol and on another address", async () => {
    await startContainer({ "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8095" }] });
    await startContainer({ "80/udp": [{ HostIp: "127.0.0.1", HostPort: "8095" }] });
    await startContainer({ "80/tcp": [{ HostIp: "198.51.100.1", HostPort: "8095" }] });
    assert.equal(listElements().filter((element) => element.includes("8095")).length, 3);
  });

  test("without a number, from a range, or of every exposed port is a free one", async () => {
    const request = newRequest({
      portBindings: {
        "80/tcp": [
          { HostIp: "", HostPort: "" },
          { HostIp: "", HostPort: "0" },
        ],
        "81/tcp": [{ HostIp: "", HostPort: "8100-8102" }],
        "82/tcp": [{ HostIp: "", HostPort: "8100-8102" }],
      },
      exposedPorts: ["80/tcp", "90/udp", "91/tcp"],
      publishAll: true,
    });
    const { ports, release } = await started.networks.open(request);
    release();
    const [first, second] = (ports["80/tcp"] ?? []).map(({ HostPort }) => Number(HostPort));
    assert.ok(first && second && first !== second && Math.min(first, second) >= 32768);
    assert.deepEqual(ports["81/tcp"], [{ HostIp: "0.0.0.0", HostPort: "8100" }]);
    assert.deepEqual(ports["82/tcp"], [{ HostIp: "0.0.0.0", HostPort: "8101" }]);
    assert.equal(ports["90/udp"]?.length, 1);
    assert.equal(ports["91/tcp"]?.length, 1);
    await started.networks.close(request.owner.id);
    const full = newRequest({
      portBindings: Object.fromEntries(
        ["1/tcp", "2/tcp"].map((key) => [key, [{ HostIp: "", HostPort: "8100-8100" }]]),
      ),
    });
    await assert.rejects(started.networks.open(full), {
      message: /Bind for 0\.0\.0\.0:8100 failed: port is already allocated/,
    });
  });

  test("that makes no sense is refused", async () => {
    const wrong: PortMap[] = [
      { "0/tcp": [] },
      { "65536/tcp": [] },
      { "80/icmp": [] },
      { "x/tcp": [] },
      { "80/tcp": [{ HostIp: "", HostPort: "70000" }] },
      { "80/tcp": [{ HostIp: "", HostPort: "9-8" }] },
      { "80/tcp": [{ HostIp: "", HostPort: "80; flush ruleset" }] },
      { "80/tcp": [{ HostIp: "1.2.3", HostPort: "80" }] },
    ];
    for (const portBindings of wrong)
      await assert.rejects(started.networks.open(newRequest({ portBindings })), { kind: "invalid" });
    await assert.rejects(
      started.networks.open(newRequest({ portBindings: { "80/tcp": [{ HostIp: "::1", HostPort: "80" }] } })),
      { kind: "notImplemented" },
    );
  });
});

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { eventually } from "../engine.ts";
import { newRequest, run, startAgent, startNetworks, type TestNetworks } from "./machine.ts";

describe("a container's network", () => {
  let started: TestNetworks;
  before(async () => {
    started = await startNetworks();
  });
  after(() => started.stop());

  const inside = (path: string, command: string) => run(`nsenter --net=${path} ${command}`);

  test("has loopback, an address, its MAC and a default route", async () => {
    const request = newRequest({ exposedPorts: ["80/tcp"] });
    const sandbox = await started.networks.open(request);
    const endpoint = sandbox.endpoints.bridge;
    assert.equal(endpoint?.IPAddress, "10.90.0.2");
    assert.equal(endpoint?.IPPrefixLen, 24);
    assert.equal(endpoint?.Gateway, "10.90.0.1");
    assert.equal(endpoint?.MacAddress, "02:42:0a:5a:00:02");
    assert.deepEqual(sandbox.ports, { "80/tcp": null });
    const addresses = inside(sandbox.netnsPath, "ip -o addr");
    assert.match(addresses, /lo\s+inet 127\.0\.0\.1\/8/);
    assert.match(addresses, /eth0\s+inet 10\.90\.0\.2\/24 brd 10\.90\.0\.255/);
    assert.doesNotMatch(addresses, /fe80/);
    assert.match(inside(sandbox.netnsPath, "ip link show eth0"), /LOWER_UP.*02:42:0a:5a:00:02/s);
    assert.match(inside(sandbox.netnsPath, "ip route"), /default via 10\.90\.0\.1 dev eth0/);
    sandbox.release();
    await started.networks.close(request.owner.id);
  });

  test("without a network has loopback only", async () => {
    const request = newRequest({
      mode: "none",
      portBindings: { "80/tcp": [{ HostIp: "", HostPort: "7000" }] },
    });
    const sandbox = await started.networks.open(request);
    assert.equal(inside(sandbox.netnsPath, "ip -o link").trim().split("\n").length, 1);
    assert.match(inside(sandbox.netnsPath, "ip addr show lo"), /127\.0\.0\.1/);
    assert.equal(sandbox.endpoints.none?.IPAddress, "");
    assert.deepEqual(sandbox.ports, {});
    sandbox.release();
    await started.networks.close(request.owner.id);
  });

  test("reaches its neighbour and the machine, and nobody after its end", async () => {
    const [first, second] = [newRequest(), newRequest()];
    const sandboxes = [await started.networks.open(first), await started.networks.open(second)];
    const [server, client] = await Promise.all(sandboxes.map(({ netnsPath }) => startAgent(netnsPath)));
    assert.ok(server && client);
    for (const sandbox of sandboxes) sandbox.release();
    await server.serve("tcp", 80, "first");
    const address = sandboxes[0]?.endpoints.bridge?.IPAddress ?? "";
    assert.equal(
      await client.ask("tcp", address, 80),
      `first sees ${sandboxes[1]?.endpoints.bridge?.IPAddress}`,
    );
    await Promise.all([server.stop(), client.stop()]);
    await started.networks.close(first.owner.id);
    await started.networks.close(second.owner.id);
  });

  test("is gone with its last descriptor", async () => {
    const request = newRequest();
    const sandbox = await started.networks.open(request);
    assert.ok(existsSync(sandbox.netnsPath));
    sandbox.release();
    sandbox.release();
    // The resolver has heard of its names by then.
    await eventually(
      () => existsSync(sandbox.netnsPath),
      (isThere) => !isThere,
    );
    await started.networks.close(request.owner.id);
    await started.networks.close(request.owner.id);
    assert.equal(started.networks.inspect(started.networks.getNetwork("bridge"), []).Name, "bridge");
  });
});

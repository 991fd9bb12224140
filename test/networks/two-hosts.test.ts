import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import type { Sandbox } from "../../src/networks/networks.ts";
import { type Agent, newRequest, run, startAgent, startNetworks, type TestNetworks } from "./machine.ts";

const settings = (allowsDirectRouting: boolean) => ({ allowsDirectRouting });
const published = { "80/tcp": [{ HostIp: "", HostPort: "8390" }] };

describe("two hosts with an engine each, which route each other's subnets", () => {
  let here: TestNetworks;
  let there: ChildProcess;
  let server: { here: Agent; there: Agent };
  let address: { here: string; there: string };
  const request = newRequest({ portBindings: published });

  const tell = async (message: object) => {
    there.send(message);
    return (await once(there, "message"))[0];
  };
  async function restart(allowsDirectRouting: boolean): Promise<void> {
    here.networks = await here.restart(settings(allowsDirectRouting));
    await here.networks.adopt(() => [request.owner.id]);
    await tell({ ask: "restart", changes: settings(allowsDirectRouting) });
  }

  before(async () => {
    here = await startNetworks(settings(true));
    const script = new URL("./second-host.ts", import.meta.url);
    const options = JSON.stringify({ ...settings(true), bip4: "10.94.0.1/24" });
    there = fork(script, [options, JSON.stringify([{ portBindings: published }])], { execArgv: [] });
    const [[other]] = (await once(there, "message")) as [[Sandbox]];
    const own = await here.networks.open(request);
    address = {
      here: own.endpoints.bridge?.IPAddress ?? "",
      there: other.endpoints.bridge?.IPAddress ?? "",
    };
    assert.match(`${address.here} ${address.there}`, /^10\.90\.0\.2 10\.94\.0\.2$/);
    server = { here: await startAgent(own.netnsPath), there: await startAgent(other.netnsPath) };
    own.release();
    run(
      [
        `ip link add two0 type veth peer name two1 netns ${there.pid}`,
        "ip addr add 198.18.0.1/24 dev two0; ip link set two0 up; ip route add 10.94.0.0/24 via 198.18.0.2",
        `nsenter --net=/proc/${there.pid}/ns/net sh -c 'ip addr add 198.18.0.2/24 dev two1; ip link set two1 up; ip route add 10.90.0.0/24 via 198.18.0.1'`,
      ].join(" && "),
    );
    for (const side of ["here", "there"] as const) {
      await server[side].serve("tcp", 80, side);
      await server[side].serve("tcp", 81, "hidden");
    }
  });
  after(async () => {
    await Promise.all([server.here.stop(), server.there.stop()]);
    const ended = once(there, "exit");
    there.send({ ask: "stop" });
    await ended;
    await here.stop();
  });

  test("reach published ports by the containers' addresses, both ways, once they are told to", async () => {
    assert.equal(await server.there.ask("tcp", address.here, 80), "here sees 198.18.0.2");
    assert.equal(await server.here.ask("tcp", address.there, 80), "there sees 198.18.0.1");
    assert.equal(await server.there.askInVain("tcp", address.here, 81), "silence");
    assert.equal(await server.here.askInVain("tcp", address.there, 81), "silence");
    assert.equal(await server.there.ask("tcp", "198.18.0.1", 8390), "here sees 198.18.0.2");
    assert.deepEqual(await here.networks.listWarnings(), []);
  });

  test("do not otherwise, and each says which key it takes", async () => {
    await restart(false);
    assert.equal(await server.there.askInVain("tcp", address.here, 81), "silence");
    assert.deepEqual(await here.networks.listWarnings(), [], "that one would be refused anyway");
    assert.equal(await server.there.askInVain("tcp", address.here, 80), "silence");
    assert.equal(await server.here.askInVain("tcp", address.there, 80), "silence");
    const warning = (from: string, to: string) =>
      `a connection of ${from} to port 80 of ${to} was refused: "allow-direct-routing": true in daemon.json lets other hosts reach published ports at the containers' own addresses`;
    assert.deepEqual(await here.networks.listWarnings(), [warning("198.18.0.2", address.here)]);
    assert.deepEqual(await tell({ ask: "warnings" }), [warning("198.18.0.1", address.there)]);
    assert.deepEqual(
      await here.networks.check(() => [request.owner.id]),
      [],
      "which is no fault of the table's",
    );
    // Through this machine's own address it goes as before.
    assert.equal(await server.there.ask("tcp", "198.18.0.1", 8390), "here sees 198.18.0.2");
    await restart(true);
    assert.equal(await server.there.ask("tcp", address.here, 80), "here sees 198.18.0.2");
  });
});

test("a chain of another program that lets nothing be forwarded is named", async () => {
  const started = await startNetworks();
  run(
    "nft add table inet strict; nft 'add chain inet strict guard { type filter hook forward priority 10; policy drop; }'",
  );
  const [warning, ...others] = await started.networks.listWarnings();
  assert.match(
    warning ?? "",
    /^chain guard of the nftables table inet strict drops what it does not accept itself/,
  );
  assert.deepEqual(others, []);
  run("nft delete table inet strict");
  assert.deepEqual(await started.networks.listWarnings(), []);
  await started.stop();
});

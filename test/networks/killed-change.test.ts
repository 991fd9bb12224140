import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { NetworkCreateRequest } from "../../src/formats/docker-api/docker-api.ts";
import type { RunningOwner, Sandbox } from "../../src/networks/networks.ts";
import { startTicks } from "../../src/sys/process.ts";
import { eventually } from "../engine.ts";
import type { Change } from "./killed-daemon.ts";
import { listElements, newRequest, run, startAgent, startNetworks } from "./machine.ts";

const onBridge: NetworkCreateRequest = { Name: "lan" };
const onParent: NetworkCreateRequest = {
  ...{ Name: "lan", Driver: "macvlan", Options: { parent: "par0" } },
  IPAM: { Config: [{ Subnet: "10.70.0.0/24", Gateway: "10.70.0.250" }] },
};

const portBindings = { "80/tcp": [{ HostIp: "", HostPort: "8496" }] };
const ports = { portBindings, exposedPorts: ["80/tcp"], publishAll: false };

/** Does the steps one after the other in a daemon that is killed in the last of them. @returns what it leaves */
async function killIn(statePath: string, lan: NetworkCreateRequest, steps: Pick<Change, "method" | "end">[]) {
  const request = newRequest(ports);
  const child = fork(
    new URL("./killed-daemon.ts", import.meta.url),
    [statePath, JSON.stringify(request), JSON.stringify(lan)],
    { execArgv: [] },
  );
  const ended = once(child, "exit");
  const [sandbox] = (await once(child, "message")) as [Sandbox];
  const agent = await startAgent(sandbox.netnsPath);
  const process = { pid: agent.pid, startTicks: startTicks(agent.pid) ?? 0 };
  const owner: RunningOwner = {
    ...{ id: request.owner.id, name: "one", hostname: "", process, ports },
    refusesIpv6: false,
  };
  for (const step of steps) {
    child.send({ ...step, owner, network: "lan", settings: { GwPriority: 1 } } satisfies Change);
    await Promise.race([once(child, "message"), ended]);
  }
  assert.deepEqual(await ended, [null, "SIGKILL"]);
  return { agent, owner, address: sandbox.endpoints.bridge?.IPAddress };
}

const kills = {
  "as it began to join it": [{ method: "connect", end: { when: "after", nth: 1 } }],
  "as it was about to have joined it": [{ method: "connect", end: { when: "before", nth: 2 } }],
  "as it began to leave it": [
    { method: "connect" },
    { method: "disconnect", end: { when: "after", nth: 1 } },
  ],
  "as it was about to have left it": [
    { method: "connect" },
    { method: "disconnect", end: { when: "before", nth: 2 } },
  ],
} as const satisfies Record<string, readonly Pick<Change, "method" | "end">[]>;

describe("a container that a killed daemon has left halfway on a network", () => {
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), "berth-networks-"));
    run("ip link add par0 type veth peer name par1 && ip link set par0 up && ip link set par1 up");
  });
  after(() => rmSync(root, { recursive: true }));

  for (const lan of [onBridge, onParent])
    for (const [when, steps] of Object.entries(kills))
      test(`of ${lan.Driver ?? "a bridge"} ${when} is on its other alone, with its way out and its port`, async () => {
        const statePath = join(root, `${lan.Driver} ${when}.db`);
        const { agent, owner, address } = await killIn(statePath, lan, [...steps]);
        const inside = (command: string) => run(`nsenter --net=/proc/${agent.pid}/ns/net ${command}`);
        const started = await startNetworks({}, statePath);
        const { networks } = started;
        await networks.adopt(() => [owner.id]);
        await networks.tellAgain(() => owner.process);
        assert.deepEqual(networks.unsettled(), [owner.id]);
        await assert.rejects(networks.removeNetwork("lan"), { kind: "forbidden" });
        const left = await networks.settle(owner);
        assert.deepEqual(
          left.map(({ network }) => network.name),
          ["lan"],
        );
        assert.deepEqual(networks.unsettled(), []);

        const isAlone = () => {
          assert.match(inside("ip -4 route show default"), /^default via 10\.90\.0\.1 dev eth0 *\n$/);
          assert.deepEqual(inside("ip -o link show").match(/eth\d+/g), ["eth0"]);
          assert.deepEqual(listElements(), [`tcp . 8496 : ${address} . 80`]);
          const { endpoints, ports: shown } = networks.view(owner.id) ?? assert.fail();
          assert.deepEqual(Object.keys(endpoints), ["bridge"]);
          assert.deepEqual(shown, { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8496" }] });
        };
        isAlone();
        assert.deepEqual(
          await eventually(
            () => networks.check(() => [owner.id]),
            ({ length }) => length === 0,
          ),
          [],
        );
        // Neither its interface nor its address is in the way.
        await networks.connect(owner, "lan", {});
        await networks.disconnect(owner, "lan");
        isAlone();
        await networks.removeNetwork("lan");
        await agent.stop();
        await networks.close(owner.id);
        await started.stop();
      });
});

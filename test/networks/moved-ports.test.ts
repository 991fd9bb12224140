import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIpAddress } from "../../src/formats/ip-address.ts";
import { createLogger } from "../../src/logger.ts";
import { createFirewall, type Firewall } from "../../src/networks/firewall.ts";
import type { Kernel } from "../../src/networks/kernel.ts";
import type { Publication } from "../../src/networks/port-map.ts";
import type { PortRelays } from "../../src/networks/port-relays.ts";
import type { PublishTargets } from "../../src/networks/publish-targets.ts";
import { createPublishedPorts } from "../../src/networks/published-ports.ts";
import { startTicks } from "../../src/sys/process.ts";
import { listElements, newRequest, startAgent, startNetworks } from "./machine.ts";

const address = (text: string) => parseIpAddress(text) ?? assert.fail(text);

const leadTo = (container: string): PublishTargets => ({
  ...{ nat: { 4: address(container) }, routed: [], hostBinding: undefined, canRelay: false },
});

const publication = (hostPort: number, container = "10.0.0.2"): Publication => ({
  ...{ protocol: "tcp", hostAddress: address("127.0.0.1"), hostPort },
  ...{ containerAddress: address(container), containerPort: 80 },
});

/** Published ports of one owner, and what the packet filter is asked to do for them. */
async function publish(hostPorts: readonly number[], refuses: (come: readonly Publication[]) => boolean) {
  const [changes, released]: [unknown[][], number[]] = [[], []];
  const note =
    (what: string) =>
    async (_: string, ...lists: readonly (readonly Publication[])[]) => {
      if (refuses(lists.at(-1) ?? [])) throw new Error("no");
      changes.push([what, ...lists]);
    };
  const ports = createPublishedPorts({
    firewall: {
      ...{ add: note("add"), remove: note("remove"), exchange: note("exchange") },
    } as Partial<Firewall> as Firewall,
    reservations: {
      take: async () => hostPorts.map((port) => publication(port)),
      ...{ retake: () => true, socketOf: () => undefined },
      release: async (_, list) => void released.push(...list.map(({ hostPort }) => hostPort)),
    },
    relays: { isAble: () => false, put: async () => {} } as Partial<PortRelays> as PortRelays,
    logger: createLogger("silent"),
  });
  await ports.publish("a", [], leadTo("10.0.0.2"));
  changes.length = 0;
  return { ports, changes, released };
}

test("ports that lead where they led are not touched, and others never lead nowhere", async () => {
  const { ports, changes, released } = await publish([80, 81], () => false);
  const before = [publication(80), publication(81)];
  assert.deepEqual(await ports.move("a", leadTo("10.0.0.2")), before);
  assert.deepEqual(changes, []);
  const after = [publication(80, "10.0.0.3"), publication(81, "10.0.0.3")];
  assert.deepEqual(await ports.move("a", leadTo("10.0.0.3")), after);
  assert.deepEqual(changes, [["exchange", before, after]]);
  assert.deepEqual([ports.listOf("a"), released], [after, []]);
});

test("ports that the packet filter leads nowhere are published no more, and free again", async () => {
  const { ports, released } = await publish([80], ([first]) => first?.containerAddress.value === 0x0a000003n);
  await assert.rejects(ports.move("a", leadTo("10.0.0.3")), /^Error: no$/);
  assert.deepEqual([ports.listOf("a"), released], [[], [80]]);
});

test("the packet filter has a port lead elsewhere in one transaction", async () => {
  const transactions: string[][] = [];
  const firewall = createFirewall({
    ...{ tableName: "berth-work", logger: createLogger("silent"), allowsDirectRouting: false },
    kernel: {
      changeElements: async ({ elements }) =>
        void transactions.push(elements.map(({ verb, set }) => `${verb} ${set}`)),
    } as Partial<Kernel> as Kernel,
  });
  const [one, other] = [publication(80), publication(81)];
  await firewall.add("a", [one, other]);
  transactions.length = 0;
  // Another port still leads where this one led.
  await firewall.exchange("a", [one], [publication(80, "10.0.0.3")]);
  await firewall.exchange("a", [other], [publication(81, "10.0.0.3")]);
  assert.deepEqual(transactions, [
    ["delete published", "add opened", "add published"],
    ["delete opened", "delete published", "add opened", "add published"],
  ]);
});

test("the kernel takes such a transaction: nothing has to be written again", async () => {
  const warnings: unknown[] = [];
  const logger = Object.assign(createLogger("silent"), { warn: (...what: unknown[]) => warnings.push(what) });
  const started = await startNetworks({ logger });
  const { networks } = started;
  const lan = await networks.createNetwork({ Name: "lan" });
  const portBindings = {
    "80/tcp": [{ HostIp: "", HostPort: "8495" }],
    "53/udp": [{ HostIp: "127.0.0.1", HostPort: "8495" }],
  };
  const ports = { portBindings, exposedPorts: [], publishAll: false };
  const request = newRequest(ports);
  const { id } = request.owner;
  const sandbox = await networks.open(request);
  const agent = await startAgent(sandbox.netnsPath);
  sandbox.release();
  const process = { pid: agent.pid, startTicks: startTicks(agent.pid) ?? 0 };
  const owner = { ...{ id, name: "one", hostname: "", process, ports }, refusesIpv6: false };
  const leadingTo = (container: string | undefined) =>
    [`127.0.0.1 . udp . 8495 : ${container} . 53`, `tcp . 8495 : ${container} . 80`].sort();
  assert.deepEqual(listElements(), leadingTo(sandbox.endpoints.bridge?.IPAddress));
  await networks.connect(owner, lan.id, { GwPriority: 1 });
  assert.deepEqual(listElements(), leadingTo(networks.view(id)?.endpoints.lan?.IPAddress));
  await networks.disconnect(owner, lan.id);
  assert.deepEqual(listElements(), leadingTo(sandbox.endpoints.bridge?.IPAddress));
  assert.deepEqual(warnings, []);
  await networks.close(id);
  await agent.stop();
  await started.stop();
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { after, before, describe, test } from "node:test";
import { parseIpAddress } from "../../src/formats/ip-address.ts";
import { createLogger } from "../../src/logger.ts";
import type { Firewall } from "../../src/networks/firewall.ts";
import { createKnownPublications } from "../../src/networks/known-publications.ts";
import type { Publication } from "../../src/networks/port-map.ts";
import type { PortRelays } from "../../src/networks/port-relays.ts";
import { createPortReservations } from "../../src/networks/ports.ts";
import { createPublishedPorts } from "../../src/networks/published-ports.ts";
import {
  type Agent,
  listElements,
  newRequest,
  startAgent,
  startNetworks,
  type TestNetworks,
} from "./machine.ts";

const address = (text: string) => parseIpAddress(text) ?? assert.fail(text);

async function listen(port: number): Promise<Server> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

describe("a port that another process has got while no daemon ran", () => {
  let started: TestNetworks;
  let machine: Agent;
  const portBindings = { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8480" }] };
  const first = newRequest({
    exposedPorts: ["80/tcp"],
    portBindings: { ...portBindings, "81/tcp": [{ HostIp: "", HostPort: "8481" }] },
  });
  const second = newRequest({ portBindings });
  const agents: Agent[] = [];

  before(async () => {
    [started, machine] = [await startNetworks(), await startAgent()];
  });
  after(async () => {
    await Promise.all([machine, ...agents].map((agent) => agent.stop()));
    await started.stop();
  });

  async function open(request: typeof first, name: string): Promise<void> {
    const sandbox = await started.networks.open(request);
    const agent = await startAgent(sandbox.netnsPath);
    agents.push(agent);
    await agent.serve("tcp", 80, name);
    sandbox.release();
  }

  test("is the container's no more, also after the next restart", async (t) => {
    await open(first, "first");
    started.networks = await started.restart();
    const thief = await listen(8480);
    t.after(() => thief.close());
    await started.networks.adopt(() => [first.owner.id]);
    const left = { "80/tcp": null, "81/tcp": [{ HostIp: "0.0.0.0", HostPort: "8481" }] };
    assert.deepEqual(started.networks.view(first.owner.id)?.ports, left);
    assert.deepEqual(listElements(), ["tcp . 8481 : 10.90.0.2 . 81"]);
    assert.deepEqual(await started.networks.check(() => [first.owner.id]), []);
    thief.close();
    await once(thief, "close");
    started.networks = await started.restart();
    await started.networks.adopt(() => [first.owner.id]);
    assert.deepEqual(started.networks.view(first.owner.id)?.ports, left);
  });

  test("stays with the next that publishes it when the first one ends", async () => {
    await open(second, "second");
    await started.networks.close(first.owner.id);
    assert.deepEqual(listElements(), ["127.0.0.1 . tcp . 8480 : 10.90.0.3 . 80"]);
    assert.match(await machine.ask("tcp", "127.0.0.1", 8480), /^second sees/);
    await assert.rejects(listen(8480), { code: "EADDRINUSE" });
  });
});

const publication = (hostPort: number): Publication => ({
  ...{ protocol: "tcp", hostAddress: address("127.0.0.1"), hostPort },
  ...{ containerAddress: address("10.0.0.2"), containerPort: 80 },
});

test("a port that a change which failed gives back is the container's no more where another process was quicker", async () => {
  const known = createKnownPublications();
  const ports = createPublishedPorts({
    firewall: {
      add: async (ownerId, list) => known.put(ownerId, list),
      remove: async (ownerId, list) => void known.take(ownerId, list),
    } as Partial<Firewall> as Firewall,
    reservations: {
      async take(_, [group]) {
        if (group?.firstPort === 3) throw new Error("port is already allocated");
        return [publication(1), publication(2)];
      },
      retake: (_, { hostPort }) => hostPort !== 1,
      socketOf: () => undefined,
      release: async () => {},
    },
    relays: { isAble: () => false, put: async () => {} } as Partial<PortRelays> as PortRelays,
    logger: createLogger("silent"),
  });
  const wanted = { ...publication(1), firstPort: 1, lastPort: 2 };
  const targets = { nat: { 4: address("10.0.0.2") }, routed: [], hostBinding: undefined, canRelay: false };
  await ports.publish("a", [wanted], targets);
  const change = { added: [{ ...wanted, firstPort: 3, lastPort: 3 }], isRemoved: () => true };
  await assert.rejects(ports.change("a", change, targets), /already allocated/);
  assert.deepEqual(ports.listOf("a"), [publication(2)]);
  assert.deepEqual(known.list(), [publication(2)]);
});

test("what is another owner's is neither released nor forgotten", async () => {
  const ports = createPortReservations({ first: 32768, last: 60999 });
  const place = { hostAddress: address("127.0.0.1"), containerAddress: address("10.0.0.2") };
  const group = {
    protocol: "tcp",
    firstPort: 8485,
    lastPort: 8485,
    containerPort: 80,
    places: [place],
  } as const;
  const taken = await ports.take("a", [group]);
  await ports.release("b", taken);
  assert.equal(typeof ports.socketOf("a", publication(8485)), "number");
  assert.equal(ports.socketOf("b", publication(8485)), undefined);
  await ports.release("a", taken);
  (await listen(8485)).close();

  const known = createKnownPublications();
  known.put("a", taken);
  known.put("b", taken);
  assert.deepEqual(known.take("a", taken), []);
  assert.deepEqual([known.list(), known.leadsThere(publication(1))], [taken, true]);
  assert.deepEqual(known.take("b", taken), taken);
  assert.deepEqual([known.list(), known.leadsThere(publication(1))], [[], false]);
});

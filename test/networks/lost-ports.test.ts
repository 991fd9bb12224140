import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { after, before, describe, test } from "node:test";
import { encodeIpAddress, parseIpAddress } from "../../src/formats/ip-address.ts";
import { createLogger, type Logger } from "../../src/logger.ts";
import type { Firewall } from "../../src/networks/firewall.ts";
import { createHeldPorts } from "../../src/networks/held-ports.ts";
import { createKnownPublications } from "../../src/networks/known-publications.ts";
import type { Publication } from "../../src/networks/port-map.ts";
import type { PortRelays } from "../../src/networks/port-relays.ts";
import { createPortReservations } from "../../src/networks/ports.ts";
import type { PublishTargets } from "../../src/networks/publish-targets.ts";
import { createPublishedPorts } from "../../src/networks/published-ports.ts";
import { releasePort, reservePort } from "../../src/sys/port-socket.ts";
import {
  type Agent,
  listElements,
  newRequest,
  run,
  startAgent,
  startNetworks,
  type TestNetworks,
} from "./machine.ts";

const address = (text: string) => parseIpAddress(text) ?? assert.fail(text);

async function listen(port: number, host = "127.0.0.1"): Promise<Server> {
  const server = createServer();
  server.listen({ port, host, ipv6Only: host === "::" });
  await once(server, "listening");
  return server;
}

const range = "/proc/sys/net/ipv4/ip_local_port_range";

/** What the kernel gives its source port by itself while `connecting` runs. */
async function withSourcePort<T>(port: number, connecting: () => Promise<T>): Promise<T> {
  const before = run(`cat ${range}`);
  run(`echo ${port} ${port} >${range}`);
  try {
    return await connecting();
  } finally {
    run(`echo ${before.trim()} >${range}`);
  }
}

/** @returns what ends it */
async function passTcp(source: number, server: number): Promise<() => Promise<unknown>> {
  const client = connect(server, "127.0.0.1");
  await once(client, "connect");
  assert.equal(client.localPort, source);
  return () => {
    // Without TIME_WAIT.
    client.resetAndDestroy();
    return once(client, "close");
  };
}

async function passUdp(source: number, server: number): Promise<() => Promise<unknown>> {
  const client = createSocket("udp4");
  client.connect(server, "127.0.0.1");
  await once(client, "connect");
  assert.equal(client.address().port, source);
  return () => {
    client.close();
    return once(client, "close");
  };
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

test("a port that is the source of a passing connection stays the container's, and is taken again when that has ended", async (t) => {
  const started = await startNetworks();
  const server = await listen(8487);
  server.on("connection", (socket) => socket.on("error", () => {}));
  t.after(() => server.close());
  const request = newRequest({
    portBindings: {
      "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8488" }],
      "81/tcp": [{ HostIp: "127.0.0.1", HostPort: "8489" }],
      "53/udp": [{ HostIp: "127.0.0.1", HostPort: "8490" }],
    },
  });
  const { id } = request.owner;
  (await started.networks.open(request)).release();
  const [ports, elements] = [started.networks.view(id)?.ports, listElements()];
  const networks = await started.restart();
  const ends = [
    await withSourcePort(8488, () => passTcp(8488, 8487)),
    await withSourcePort(8489, () => passTcp(8489, 8487)),
    await withSourcePort(8490, () => passUdp(8490, 8487)),
  ];
  // Another family's listener is no clash.
  const other = await listen(8488, "::");
  t.after(() => other.close());
  await networks.adopt(() => [id]);
  assert.deepEqual([networks.view(id)?.ports, listElements()], [ports, elements]);
  for (const end of ends) await end();
  await networks.adopt(() => [id]);
  assert.deepEqual([networks.view(id)?.ports, listElements()], [ports, elements]);
  for (const port of [8488, 8489]) await assert.rejects(listen(port), { code: "EADDRINUSE" });
  const bound = createSocket("udp4");
  bound.bind(8490, "127.0.0.1");
  assert.equal((await once(bound, "error"))[0].code, "EADDRINUSE");
  await started.stop();
});

const groupOf = (protocol: "tcp" | "udp", port: number) => {
  const place = { hostAddress: address("127.0.0.1"), containerAddress: address("10.0.0.2") };
  return { protocol, firstPort: port, lastPort: port, containerPort: 80, places: [place] };
};

for (const protocol of ["tcp", "udp"] as const)
  test(`a ${protocol} port that another process has bound is that one's, also where nothing listens`, async () => {
    const [mine, others] = [1, 2].map(() => createPortReservations({ first: 32768, last: 60999 }));
    assert.ok(mine && others);
    const taken = await others.take("b", [groupOf(protocol, 8486)]);
    const [place = assert.fail()] = taken;
    assert.equal(mine.retake("a", place, false), false);
    await others.release("b", taken);
    assert.equal(mine.retake("a", place, false), true);
    await mine.release("a", taken);
  });

const publication = (hostPort: number): Publication => ({
  ...{ protocol: "tcp", hostAddress: address("127.0.0.1"), hostPort },
  ...{ containerAddress: address("10.0.0.2"), containerPort: 80 },
});

const relays = { isAble: () => false, put: async () => {} } as Partial<PortRelays> as PortRelays;
const targets: PublishTargets = {
  ...{ nat: { 4: address("10.0.0.2") }, routed: [], hostBinding: undefined, canRelay: false },
};

test("a port that stays its owner's is not let go of meanwhile", async () => {
  const reservations = createPortReservations({ first: 32768, last: 60999 });
  const released: number[] = [];
  const ports = createPublishedPorts({
    firewall: { add: async () => {}, replace: async () => {} } as Partial<Firewall> as Firewall,
    reservations: {
      ...reservations,
      release(ownerId, list) {
        released.push(...list.map(({ hostPort }) => hostPort));
        return reservations.release(ownerId, list);
      },
    },
    ...{ relays, logger: createLogger("silent") },
  });
  const wanted = [8483, 8484].map((hostPort) => ({
    ...{ ...publication(hostPort), firstPort: hostPort, lastPort: hostPort },
  }));
  await ports.publish("a", wanted, targets);
  assert.deepEqual(await ports.adopt(new Map([["a", [publication(8483)]]]), [], () => false), new Set());
  assert.deepEqual(released, [8484]);
  assert.deepEqual(ports.listOf("a"), [publication(8483)]);
  await ports.stop();
  assert.deepEqual(released, [8484, 8483]);
});

test("a port that a change which failed gives back is the container's no more where another process was quicker", async () => {
  const warnings: unknown[] = [];
  const known = createKnownPublications();
  const ports = createPublishedPorts({
    firewall: {
      add: async (ownerId, list) => known.put(ownerId, list),
      async exchange(ownerId, gone, come) {
        known.take(ownerId, gone);
        known.put(ownerId, come);
      },
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
    relays,
    logger: { warn: (what: unknown) => void warnings.push(what) } as Partial<Logger> as Logger,
  });
  const wanted = { ...publication(1), firstPort: 1, lastPort: 2 };
  await ports.publish("a", [wanted], targets);
  const change = { added: [{ ...wanted, firstPort: 3, lastPort: 3 }], isRemoved: () => true };
  await assert.rejects(ports.change("a", change, targets), /already allocated/);
  assert.deepEqual(ports.listOf("a"), [publication(2)]);
  assert.deepEqual(known.list(), [publication(2)]);
  assert.deepEqual(warnings, [{ ownerId: "a", lost: ["127.0.0.1:1/tcp"] }]);
});

test("a change that fails says why, and what it took away is published again, also where that fails in part", async () => {
  const known = createKnownPublications();
  const failures: string[] = [];
  const ports = createPublishedPorts({
    firewall: {
      add: async (ownerId, list) => known.put(ownerId, list),
      async exchange(ownerId, gone, come) {
        known.take(ownerId, gone);
        const failure = failures.shift();
        if (failure) throw new Error(failure);
        known.put(ownerId, come);
      },
    } as Partial<Firewall> as Firewall,
    reservations: {
      take: async (_, [group]) => [publication(group?.firstPort ?? 0)],
      ...{ retake: () => true, socketOf: () => undefined, release: async () => {} },
    },
    ...{ relays, logger: createLogger("silent") },
  });
  const wanted = (port: number) => ({ ...publication(port), firstPort: port, lastPort: port });
  await ports.publish("a", [wanted(1)], targets);
  const change = { added: [wanted(3)], isRemoved: () => true };
  failures.push("first");
  await assert.rejects(ports.change("a", change, targets), /^Error: first$/);
  assert.deepEqual([ports.listOf("a"), known.list()], [[publication(1)], [publication(1)]]);
  failures.push("first", "second");
  await assert.rejects(ports.change("a", change, targets), /^Error: first$/);
  assert.deepEqual([failures, ports.listOf("a")], [[], [publication(1)]]);
});

test("what is published while others are taken over stays published", async () => {
  const reservations = createPortReservations({ first: 32768, last: 60999 });
  const published: Promise<unknown>[] = [];
  const ports = createPublishedPorts({
    firewall: { add: async () => {}, replace: async () => {} } as Partial<Firewall> as Firewall,
    reservations: {
      ...reservations,
      async release(ownerId, list) {
        await reservations.release(ownerId, list);
        if (published.length === 0) published.push(ports.publish("new", [wanted(8488)], targets));
        await Promise.all(published);
      },
    },
    ...{ relays, logger: createLogger("silent") },
  });
  const wanted = (port: number) => ({ ...publication(port), firstPort: port, lastPort: port });
  await ports.publish("old", [wanted(8487)], targets);
  const isComing = (ownerId: string) => published.length === 0 && ownerId === "new";
  await ports.adopt(new Map(), [], isComing);
  assert.deepEqual([ports.has("old"), ports.has("new")], [false, true]);
  await ports.stop();
});

test("a port is its owner's still where what kept it from being bound has passed meanwhile", async () => {
  const place = publication(8489);
  const passing = reservePort("tcp", encodeIpAddress(place.hostAddress), place.hostPort);
  const held = createHeldPorts(() => {
    releasePort(passing);
    // Of no user that there is any more.
    return true;
  });
  assert.equal(held.retake("a", place, false), true);
  assert.equal(typeof held.socketOf("a", place), "number");
  held.release("a", place);
});

test("what is another owner's is neither released nor forgotten", async () => {
  const ports = createPortReservations({ first: 32768, last: 60999 });
  const taken = await ports.take("a", [groupOf("tcp", 8485)]);
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

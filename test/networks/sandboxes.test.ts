import assert from "node:assert/strict";
import { test } from "node:test";
import { createEvents } from "../../src/events/events.ts";
import { parseSubnet } from "../../src/formats/ip-address.ts";
import { createLogger } from "../../src/logger.ts";
import { bridgeOf } from "../../src/networks/bridge.ts";
import type { EndpointRecord } from "../../src/networks/endpoint.ts";
import type { Kernel } from "../../src/networks/kernel.ts";
import { networkKind, newBareNetwork } from "../../src/networks/records.ts";
import { createSandboxes } from "../../src/networks/sandboxes.ts";
import type { Link } from "../../src/sys/link-message.ts";

const network = networkKind.read({
  ...newBareNetwork("bridge", "bridge"),
  ipam: [{ subnet: "10.0.0.0/24", gateway: "10.0.0.1" }],
  bridge: { link: "bridge0", mtu: 1500 },
});

/** Sandboxes of these owners as an earlier daemon has stored them, each with one endpoint. */
function stored(owners: string[]) {
  const endpoints = owners.map((owner, number): [string, EndpointRecord] => [
    `e${owner}`,
    {
      id: `e${owner}`,
      networkId: network.id,
      sandboxId: `s${owner}`,
      interfaceName: "eth0",
      addresses: [`10.0.0.${number + 2}/24`],
      macAddress: "",
      linkAlias: `e${owner}`,
      names: [],
      settings: {},
    },
  ]);
  const sandboxes = owners.map((id) => [
    `s${id}`,
    { id: `s${id}`, owner: { kind: "container", id }, endpoints: [`e${id}`], ports: {}, links: [] },
  ]);
  const rows: Record<string, Map<string, unknown>> = {
    endpoint: new Map(endpoints),
    sandbox: new Map(sandboxes as [string, unknown][]),
  };
  return {
    rows,
    records: ({ name }: { name: string }) => ({
      load: () => rows[name],
      deleteSoon: (key: string) => void rows[name]?.delete(key),
    }),
  };
}

function start(owners: string[]) {
  const lists: PromiseWithResolvers<Link[]>[] = [];
  const removed: string[] = [];
  const leased = new Set<string>();
  const state = stored(owners);
  const sandboxes = createSandboxes({
    state: state as never,
    drivers: {} as never,
    tableName: "berth",
    kernel: {
      listLinks() {
        const list = Promise.withResolvers<Link[]>();
        lists.push(list);
        return list.promise;
      },
      removeLink: async (name: string) => void removed.push(name),
    } as unknown as Kernel,
    catalog: {
      bridges: () => [bridgeOf(network)],
      findNetwork: (id: string) => (id === network.id ? network : undefined),
      addressPools: () => [
        {
          subnet: parseSubnet("0.0.0.0/0"),
          leaseFixed: ({ value }: { value: bigint }) => leased.add(String(value)),
          release: ({ value }: { value: bigint }) => leased.delete(String(value)),
        },
      ],
    } as never,
    publishedPorts: { adopt: async () => new Set(), unpublish: async () => {} } as never,
    publishing: { publishAddress: undefined, canRelay: () => false },
    repair: async () => {},
    names: { remove: () => {} } as never,
    events: createEvents(),
    logger: createLogger("silent"),
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  /** The next list of links that was asked for is this one. */
  const answer = async (list: Link[]) => {
    await turn();
    lists.shift()?.resolve(list);
    await turn();
  };
  return { sandboxes, rows: state.rows, leased, removed, answer };
}

test("a sweep that comes in the middle of an adoption leaves the links of the adopted alone", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { sandboxes, removed, answer } = start(["1", "2"]);
  const links = [
    { ...link(1, "bridge0"), kind: "bridge", alias: "berth berth" },
    { ...link(2, "veth1"), master: 1, alias: "e1" },
    { ...link(3, "veth2"), master: 1, alias: "e2" },
  ];
  const first = sandboxes.adopt(() => ["1", "2"]);
  await answer(links);
  await answer(links);
  await first;
  await sandboxes.close("2");
  t.mock.timers.tick(1000);
  const second = sandboxes.adopt(() => ["1"]);
  // That of the sweep, which asked first; then those of the adoption.
  await answer(links);
  assert.deepEqual(removed, ["veth2"]);
  await answer(links);
  await answer(links);
  await second;
  assert.ok(!removed.includes("veth1"), `removed: ${removed}`);
  const survey = sandboxes.survey();
  await answer(links);
  assert.equal((await survey).open.get("1")?.endpoints[0]?.link, "veth1");
});

test("what is stored of owners that are gone is given back", async () => {
  const { sandboxes, rows, leased, answer } = start(["1", "2"]);
  assert.equal(leased.size, 2);
  assert.equal(sandboxes.view("2")?.endpoints.bridge?.IPAddress, "10.0.0.3");
  const adopted = sandboxes.adopt(() => ["2"]);
  await answer([]);
  await answer([]);
  await adopted;
  assert.equal(sandboxes.view("1"), undefined);
  assert.equal(leased.size, 1);
  assert.deepEqual([...(rows.sandbox?.keys() ?? []), ...(rows.endpoint?.keys() ?? [])], ["s2", "e2"]);
});

function link(index: number, name: string): Link {
  return { index, name, isUp: true, master: 0, mtu: 1500, macAddress: "", kind: "veth", alias: "" };
}

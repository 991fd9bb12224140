import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "../../src/logger.ts";
import { bridgeOf } from "../../src/networks/bridge.ts";
import { createOwnLinks } from "../../src/networks/own-links.ts";
import { networkKind, newBareNetwork } from "../../src/networks/records.ts";
import type { Link } from "../../src/sys/link-message.ts";

const id = "c0ffee11".repeat(8);

/** A network whose bridge the records call the engine's own, with one container, and the links of the machine. */
function start(links: readonly Partial<Link>[]) {
  const bridge = { link: "bridge0", mtu: 1500 };
  const network = networkKind.read({ ...newBareNetwork("lan", "bridge"), bridge });
  const attached: string[] = [];
  const endpoint = { id, network, link: "veth1", linkAlias: `berth berth ${id}` };
  const own = createOwnLinks({
    ...{ tableName: "berth", logger: createLogger("silent") },
    catalog: { bridges: () => [bridgeOf(network)] } as never,
    kernel: {
      listLinks: async () => links,
      attach: async ({ name }: { name: string }) => void attached.push(name),
    } as never,
    sandboxes: new Map([["1", { endpoints: [endpoint] } as never]]),
  });
  return { own, attached };
}

const bridge = (alias: string) => ({ name: "bridge0", index: 1, kind: "bridge", master: 0, alias });
const veth = (name: string, master: number, alias = "") => ({ name, index: 2, kind: "veth", master, alias });

test("all links under the engine's own bridge are its own, and under one in its place those with its mark", async () => {
  const ports = [
    veth("veth1", 1, `berth berth ${id}`),
    veth("veth2", 1),
    veth("veth3", 1, `berth other ${id}`),
  ];
  const listed = async (alias: string) =>
    (await start([bridge(alias), ...ports]).own.list()).map(({ name }) => name);
  assert.deepEqual(await listed("berth berth"), ["veth1", "veth2", "veth3"]);
  for (const alias of ["", "berth other"]) assert.deepEqual(await listed(alias), ["veth1"]);
});

test("a container's link that has lost its bridge is put under no other program's of that name", async () => {
  for (const [alias, expected] of [
    ["berth berth", ["veth1"]],
    ["", []],
  ] as const) {
    const links = [bridge(alias), veth("veth1", 0)] as Link[];
    const { own, attached } = start(links);
    await own.reattach(links);
    assert.deepEqual(attached, expected);
  }
});

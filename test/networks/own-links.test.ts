import assert from "node:assert/strict";
import { test } from "node:test";
import type { Logger } from "../../src/logger.ts";
import { bridgeOf } from "../../src/networks/bridge.ts";
import { createOwnLinks } from "../../src/networks/own-links.ts";
import { networkKind, newBareNetwork } from "../../src/networks/records.ts";
import type { Link } from "../../src/sys/link-message.ts";

const id = "c0ffee11".repeat(8);

/**
 * A network whose bridge the records call the engine's own, with one container, and the links of the machine.
 * @param failures codes of the kernel's errors by the link that cannot be put under its bridge
 */
function start(
  links: readonly Partial<Link>[],
  { names = ["veth1"], failures = {} as Record<string, string> } = {},
) {
  const bridge = { link: "bridge0", mtu: 1500 };
  const network = networkKind.read({ ...newBareNetwork("lan", "bridge"), bridge });
  const [attached, removed, warnings]: [string[], string[], object[]] = [[], [], []];
  let surveys = 0;
  const endpoints = names.map((link) => ({ id, network, link, linkAlias: `berth berth ${id}` }));
  const own = createOwnLinks({
    tableName: "berth",
    logger: { warn: (what: object) => void warnings.push(what) } as Partial<Logger> as Logger,
    catalog: {
      bridges() {
        surveys++;
        return [bridgeOf(network)];
      },
    } as never,
    kernel: {
      listLinks: async () => links,
      removeLink: async (name: string) => void removed.push(name),
      async attach({ name }: { name: string }) {
        const code = failures[name];
        if (code) throw Object.assign(new Error(`${name}: ${code}`), { code });
        attached.push(name);
      },
    } as never,
    sandboxes: new Map([["1", { endpoints } as never]]),
  });
  return { own, attached, removed, warnings, surveys: () => surveys };
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

test("a link that cannot be put under its bridge keeps none of the others from it", async () => {
  const names = ["veth1", "veth2", "veth3"];
  const links = [bridge("berth berth"), ...names.map((name) => veth(name, 0))] as Link[];
  const failures = { veth1: "EOPNOTSUPP", veth2: "ENODEV" };
  const { own, attached, warnings } = start(links, { names, failures });
  await own.reattach(links);
  assert.deepEqual(attached, ["veth3"]);
  // One that went with its container meanwhile is not worth a word.
  assert.deepEqual(warnings, [{ link: "veth1", bridge: "bridge0", reason: "veth1: EOPNOTSUPP" }]);
});

test("a link that a killed daemon has put under no bridge yet goes, and one of another engine stays", async () => {
  const links = [
    bridge("berth berth"),
    veth("veth1", 0, `berth berth ${id}`),
    veth("veth2", 0, `berth berth ${id}`),
    veth("veth3", 0, `berth other ${id}`),
    // As an early version of any engine has marked its own.
    veth("veth4", 0, id),
    veth("veth5", 0),
  ];
  const { own, removed } = start(links);
  await own.removeOrphans();
  assert.deepEqual(removed, ["veth2"]);
});

test("however many links there are, the networks are looked through once", async () => {
  const ports = Array.from({ length: 300 }, (_, number) => veth(`veth${number}`, 1));
  const { own, surveys } = start([bridge("berth berth"), ...ports]);
  assert.equal((await own.list()).length, 300);
  assert.equal(surveys(), 1);
});

test("links of ended containers go also while one container after the other ends", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { own, removed } = start([veth("veth2", 0, `berth berth ${id}`)]);
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  for (const swept of [1, 2]) {
    own.scheduleSweep();
    t.mock.timers.tick(600);
    own.scheduleSweep();
    t.mock.timers.tick(400);
    await turn();
    assert.equal(removed.length, swept);
  }
  own.scheduleSweep();
  own.stop();
  t.mock.timers.tick(1000);
  await turn();
  assert.equal(removed.length, 2);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { NetlinkSocket, netlinkProtocol } from "../../src/sys/netlink.ts";
import { enterNewNetns } from "../../src/sys/netns.ts";
import { runNft } from "../../src/sys/nftables.ts";

enterNewNetns();

test("a script with a fault in its last line changes nothing, and nft's words come through", async () => {
  await assert.rejects(runNft("add table inet t\nadd nonsense\n"), /^Error: nft: .*syntax error/s);
  await assert.rejects(runNft("delete table inet t\n"), /No such file or directory/);
});

test("a machine without nft is told what to install", async () => {
  const path = process.env.PATH;
  process.env.PATH = "/nonexistent";
  try {
    await assert.rejects(runNft("list ruleset\n"), {
      kind: "unavailable",
      message: /install the package nftables/,
    });
  } finally {
    process.env.PATH = path;
  }
});

test("elements are changed all or none, and the first failure is told", async () => {
  await runNft("add table inet t\nadd map inet t m { type inet_service : ipv4_addr ; }\n");
  const socket = new NetlinkSocket(netlinkProtocol.netfilter);
  const element = (port: number) => ({
    verb: "add" as const,
    set: "m",
    key: Buffer.from([0, port]),
    value: Buffer.from([10, 0, 0, port]),
  });
  // Newer versions give each element a line.
  const list = async () => (await runNft("list map inet t m\n")).replace(/\s+/g, " ");
  socket.changeElements("t", [element(1), element(2)]);
  assert.match(await list(), /1 : 10\.0\.0\.1, 2 : 10\.0\.0\.2/);
  const without = ({ set, key }: ReturnType<typeof element>) => ({ verb: "delete" as const, set, key });
  assert.throws(() => socket.changeElements("t", [element(3), without(element(9))]), { code: "ENOENT" });
  assert.throws(() => socket.changeElements("t", [without(element(9)), element(3)]), { code: "ENOENT" });
  assert.throws(() => socket.changeElements("t", [{ ...element(1), value: Buffer.from([10, 9, 9, 9]) }]), {
    code: "EEXIST",
  });
  assert.throws(() => socket.changeElements("nope", [element(3)]), { code: "ENOENT" });
  assert.throws(() => socket.changeElements("t", [{ ...element(3), set: "nope" }]), { code: "ENOENT" });
  assert.throws(() => socket.changeElements("t", [{ ...element(3), key: Buffer.alloc(3) }]), {
    code: "EINVAL",
  });
  assert.doesNotMatch(await list(), /3 :/);
  socket.changeElements("t", [without(element(1)), element(4)]);
  assert.match(await list(), /elements = \{ 2 : 10\.0\.0\.2, 4 : 10\.0\.0\.4 \}/);
  socket.changeElements("t", []);
  socket.close();
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { conntrackType, decodeFlow, encodeFlowQuery } from "../../src/sys/conntrack-message.ts";
import { NetlinkSocket, netlinkProtocol } from "../../src/sys/netlink.ts";
import { enterNewNetns } from "../../src/sys/netns.ts";

test("of the connections that the kernel knows, those to the ports in question are asked for", async (t) => {
  enterNewNetns();
  execFileSync("ip", ["link", "set", "lo", "up"]);
  execFileSync("nft", ["-f", "-"], {
    input: "table inet t { chain c { type filter hook output priority 0; ct state new accept; }; }",
  });
  const client = createSocket("udp4");
  client.on("error", () => {});
  for (const port of [7001, 7002, 7003]) client.send("?", port, "127.0.0.1");
  client.send("?", 7004, "127.0.0.1");
  const kernel = new NetlinkSocket(netlinkProtocol.netfilter);
  t.after(() => {
    kernel.close();
    client.close();
  });
  const list = (family: 4 | 6, protocol: number, ...ports: number[]) =>
    kernel
      .find(
        conntrackType.get,
        encodeFlowQuery(family, protocol, new Set(ports)),
        (payload) => decodeFlow(payload)?.destinationPort,
      )
      .sort();
  while (list(4, 17).length < 4) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(list(4, 17, 7002), [7002]);
  assert.deepEqual(list(4, 17, 7009), []);
  assert.deepEqual(list(4, 6, 7002), []);
  assert.deepEqual(list(6, 17, 7002), []);
  // One by one, these would be too many questions.
  assert.deepEqual(list(4, 17, 7001, 7002), [7001, 7002, 7003, 7004]);
});

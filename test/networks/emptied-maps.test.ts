import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "../../src/logger.ts";
import { watchTable } from "../../src/networks/watch-table.ts";
import { NetlinkSocket, netlinkProtocol } from "../../src/sys/netlink.ts";
import { eventually } from "../engine.ts";
import { newRequest, run, startAgent, startNetworks } from "./machine.ts";

test("containers of two networks stay apart where the map that says so is emptied while no daemon runs", async () => {
  const started = await startNetworks();
  await started.networks.createNetwork({ Name: "other", EnableIPv6: true });
  const requests = [newRequest(), newRequest({ mode: "other" })] as const;
  const agents = [];
  for (const request of requests) {
    const sandbox = await started.networks.open(request);
    agents.push({ address: sandbox.endpoints, agent: await startAgent(sandbox.netnsPath) });
    sandbox.release();
  }
  const [one, other] = agents;
  if (!one || !other) return assert.fail();
  await other.agent.serve("tcp", 80, "web");
  await started.networks.stop();
  run("nft flush map inet berth-test into");
  assert.equal(await one.agent.askInVain("tcp", other.address.other?.IPAddress ?? "", 80), "silence");
  await Promise.all([one.agent.stop(), other.agent.stop()]);
  await (await startNetworks()).stop();
});

test("elements that another program takes away or adds are noticed, and those of the engine and the administrator are not", async () => {
  run(
    [
      "nft add table inet berth-seen",
      "nft add chain inet berth-seen forward",
      "nft add chain inet berth-seen administrator",
      "nft 'add set inet berth-seen bridges { type inet_service; }'",
      "nft 'add set inet berth-seen refused { type inet_service; }'",
      "nft 'add set inet berth-seen administrator_friends { type inet_service; }'",
      "nft 'add element inet berth-seen bridges { 1, 2, 3 }'",
      "nft 'add element inet berth-seen refused { 1 }'",
      "nft 'add element inet berth-seen administrator_friends { 1 }'",
    ].join(" && "),
  );
  const socket = new NetlinkSocket(netlinkProtocol.netfilter);
  let [losses, repairs] = [0, 0];
  const watch = watchTable({
    ...{ tableName: "berth-seen", ownPort: socket.bindPort(), logger: createLogger("silent") },
    firewall: { distrust: async () => void losses++, restore: async () => void repairs++ },
    foreignFirewall: { forget: () => {} },
    acceptBridges: async () => {},
  });
  try {
    const key = Buffer.from([0, 2]);
    socket.changeElements("berth-seen", [{ verb: "delete", set: "bridges", key }]);
    run("nft 'delete element inet berth-seen administrator_friends { 1 }'");
    run("nft 'delete element inet berth-seen refused { 1 }'");
    // What comes first is announced first.
    run("nft 'delete element inet berth-seen bridges { 1 }'");
    await eventually(
      () => repairs,
      (count) => count > 0,
    );
    assert.equal(losses, 1);
    const others = [
      "flush set inet berth-seen bridges",
      "add element inet berth-seen bridges { 4 }",
      "add rule inet berth-seen forward accept",
      "add rule inet berth-seen forward ip saddr { 192.0.2.1, 192.0.2.2 } accept",
      "add chain inet berth-seen strange { type filter hook forward priority 0; }",
      "add set inet berth-seen strange { type inet_service; }",
      "delete chain inet berth-seen administrator",
    ];
    for (const [index, change] of others.entries()) {
      socket.changeElements("berth-seen", [{ verb: "add", set: "bridges", key }]);
      run("nft 'add element inet berth-seen administrator_friends { 2 }'");
      run("nft 'add element inet berth-seen refused { 2 }'");
      run("nft 'add chain inet berth-seen administrator_more'");
      run("nft 'add rule inet berth-seen administrator_more accept'");
      run("nft 'flush chain inet berth-seen administrator_more'");
      run("nft 'add set inet berth-seen administrator_foes { type inet_service; }'");
      // Such rules have sets and maps without names of their own.
      run("nft 'add rule inet berth-seen administrator ip saddr { 192.0.2.1, 192.0.2.2 } drop'");
      run("nft 'add rule inet berth-seen administrator tcp dport vmap { 1 : drop, 2 : accept }'");
      run("nft flush chain inet berth-seen administrator");
      assert.equal(losses, index + 1, `after ${others[index - 1]}`);
      run(`nft '${change}'`);
      await eventually(
        () => losses,
        (count) => count > index + 1,
      );
    }
    assert.equal(losses, others.length + 1);
  } finally {
    watch.stop();
    socket.close();
    run("nft delete table inet berth-seen");
  }
});

test("a rule that another program inserts into the engine's table does not stay", async () => {
  const started = await startNetworks();
  const list = () => run("nft list chain inet berth-test forward");
  const before = list();
  run("nft insert rule inet berth-test forward accept");
  await eventually(list, (rules) => rules === before);
  run("nft add rule inet berth-test administrator ip saddr 203.0.113.9 drop");
  await started.networks.createNetwork({ Name: "other" });
  assert.match(run("nft list chain inet berth-test administrator"), /203\.0\.113\.9/);
  await started.stop();
});

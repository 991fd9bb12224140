import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Finding } from "../../src/finding.ts";
import { type Agent, newRequest, run, startAgent, startNetworks, type TestNetworks } from "./machine.ts";

const table = "inet berth-test";

/** Each is seen before the engine itself can mend it: the check waits for no notice. */
const faults: [what: string, command: string, problem: RegExp][] = [
  ["a missing table", `delete table ${table}`, /packet filter: table inet berth-test is missing/],
  ["an emptied chain", `flush chain ${table} forward`, /packet filter: chain forward is empty/],
  ["an emptied table", `flush table ${table}`, /packet filter: chain loopback_guard is empty/],
  ["a missing set's element", `delete element ${table} bridges { "berth-test0" }`, /set bridges is empty/],
  [
    "a rule more",
    `insert rule ${table} forward accept`,
    /chain forward has 1 rules that are not of this engine and lacks 0 of its own/,
  ],
  ["a chain more", `add chain ${table} mine`, /chain mine is not of this engine/],
  ["a chain of another make", `chain ${table} forward { policy drop; }`, /chain forward is of another make/],
  [
    "a port too few",
    `flush map ${table} published`,
    /published ports: 127\.0\.0\.1 \. tcp \. 8700 : 10\.90\.0\.2 \. 80 is missing/,
  ],
  [
    "a port too many",
    `add element ${table} published_any { tcp . 9 : 10.0.0.9 . 9 }`,
    /published ports: tcp \. 9 : 10\.0\.0\.9 \. 9 belongs to no container/,
  ],
];

describe("a check of the packet filter", () => {
  let started: TestNetworks;
  let agent: Agent;
  const request = newRequest({ portBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8700" }] } });
  const live = () => [request.owner.id];
  before(async () => {
    started = await startNetworks();
    const sandbox = await started.networks.open(request);
    agent = await startAgent(sandbox.netnsPath);
    sandbox.release();
    await started.networks.adopt(live);
  });
  after(async () => {
    await agent.stop();
    await started.stop();
  });

  const format = (findings: Finding[]) => findings.map(({ subject, problem }) => `${subject}: ${problem}`);

  for (const [what, command, problem] of faults) {
    test(`finds and repairs ${what}`, async () => {
      const right = run(`nft list table ${table}`);
      // In one go with the check, which is then first in the queue.
      run(`nft '${command}'`);
      const findings = await started.networks.check(live);
      assert.match(format(findings).join("\n"), problem);
      await findings[0]?.repair?.();
      assert.equal(run(`nft list table ${table}`), right);
      assert.deepEqual(format(await started.networks.check(live)), []);
    });
  }

  test("finds an interface that somebody has taken away", async () => {
    const link = run("ip -o link show master berth-test0").split(": ")[1]?.replace(/@.*/, "") ?? "";
    run(`ip link set ${link} nomaster`);
    assert.match(
      format(await started.networks.check(live)).join("\n"),
      /link veth.* is missing; restart the container/,
    );
    await started.networks.adopt(live);
    assert.deepEqual(format(await started.networks.check(live)), []);
  });

  test("finds nothing while ports come and go and networks are made", async () => {
    const changes = Array.from({ length: 12 }, async (_, number) => {
      if (number % 3 === 0) {
        await started.networks.createNetwork({ Name: `busy${number}` });
        await started.networks.removeNetwork(`busy${number}`);
        return;
      }
      const portBindings = { "80/tcp": [{ HostIp: number % 2 ? "127.0.0.1" : "", HostPort: "" }] };
      const busy = newRequest({ portBindings });
      const opened = await started.networks.open(busy);
      opened.release();
      await started.networks.close(busy.owner.id);
    });
    const checks = Array.from({ length: 8 }, async () => {
      const findings = await started.networks.check(live);
      return format(findings).filter((line) => /^(packet filter|published ports)/.test(line));
    });
    await Promise.all(changes);
    assert.deepEqual((await Promise.all(checks)).flat(), []);
  });
});

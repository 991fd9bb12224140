import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Agent, newRequest, run, startAgent, startNetworks, startOutside } from "./machine.ts";

/** What other engines and ufw leave on a machine: whatever is forwarded and not accepted is dropped. */
const firewalls = {
  "a FORWARD policy of DROP": { program: "iptables-nft", rules: ["-P FORWARD DROP"] },
  "Docker's chains": {
    program: "iptables-nft",
    rules: ["-P FORWARD DROP", "-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-A FORWARD -j DOCKER-USER"],
  },
  "the old iptables": { program: "iptables-legacy", rules: ["-P FORWARD DROP"] },
};

describe("beside a firewall that drops what is forwarded", () => {
  let outside: Agent;
  before(async () => {
    outside = await startOutside();
    await outside.serve("tcp", 7, "outside");
  });
  after(() => outside.stop());

  for (const [name, { program, rules }] of Object.entries(firewalls)) {
    test(`(${name}) containers reach out and published ports are reached, and no rule stays`, async () => {
      for (const rule of rules) run(`${program} ${rule}`);
      const before = run(`${program} -S`);
      const started = await startNetworks();
      const { networks } = started;
      const request = newRequest({ portBindings: { "80/tcp": [{ HostIp: "", HostPort: "8500" }] } });
      const sandbox = await networks.open(request);
      const agent = await startAgent(sandbox.netnsPath);
      sandbox.release();
      await agent.serve("tcp", 80, "web");
      await agent.serve("tcp", 81, "hidden");
      assert.equal(await outside.ask("tcp", "198.51.100.1", 8500), "web sees 198.51.100.2");
      assert.match(await agent.ask("tcp", "198.51.100.2", 7), /^outside sees 198\.51\.100\.1$/);
      assert.equal(await outside.askInVain("tcp", sandbox.endpoints.bridge?.IPAddress ?? "", 81), "silence");
      const during = run(`${program} -S`);
      assert.match(during, /-i berth-test0 .*--comment berth-test -j ACCEPT/);
      await networks.adopt(() => []);
      assert.equal(run(`${program} -S`), during);
      await agent.stop();
      await started.stop();
      assert.equal(run(`${program} -S`), before);
      run(`${program} -P FORWARD ACCEPT; ${program} -F; ${program} -X`);
    });
  }

  test("a machine without one is left as it is", async () => {
    run("nft flush ruleset");
    const started = await startNetworks();
    assert.doesNotMatch(run("nft list ruleset"), /table ip filter/);
    await started.stop();
  });
});

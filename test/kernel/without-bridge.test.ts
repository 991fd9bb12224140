import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

/** What dockerd 28.5.2 does with it was seen live. */
describe("an engine without a default bridge", () => {
  const { engine, berth } = useEngine(undefined, ["--bridge", "none"]);
  const interfaces = async (...words: string[]) => {
    const lines = await berth(...words, "ls", "/sys/class/net");
    return lines.split(/\s+/).sort();
  };

  it("has the networks host and none alone, and makes no other with that name", async () => {
    assert.equal(await berth("network", "ls", "--format", "{{.Name}}"), "host\nnone");
    const { stderr, code } = await engine.berth(["network", "create", "bridge"]);
    assert.equal(code, 1);
    assert.match(stderr, /operation is not permitted on predefined bridge network/);
  });

  it("gives containers the loopback alone, also those that publish ports", async () => {
    for (const flags of [[], ["--network", "bridge"], ["-p", "8080:80"]])
      assert.deepEqual(await interfaces("run", "--rm", ...flags, "busybox"), ["lo"], flags.join(" "));
    await berth("run", "-d", "--name", "alone", "busybox", "sleep", "1000");
    const { body } = await engine.api("GET", "/containers/alone/json");
    const { Config, HostConfig, NetworkSettings } = JSON.parse(body);
    assert.equal(Config.NetworkDisabled, true);
    assert.equal(HostConfig.NetworkMode, "bridge");
    assert.deepEqual(Object.keys(NetworkSettings.Networks), ["bridge"]);
    assert.equal(NetworkSettings.Networks.bridge.EndpointID, "");
  });

  it("joins them to other networks, at their creation and later", async () => {
    await berth("network", "create", "front");
    assert.deepEqual(await interfaces("run", "--rm", "--network", "front", "busybox"), ["eth0", "lo"]);
    await berth("network", "connect", "front", "alone");
    assert.deepEqual(await interfaces("exec", "alone"), ["eth0", "lo"]);
    await berth("network", "disconnect", "front", "alone");
    assert.deepEqual(await interfaces("exec", "alone"), ["lo"]);
  });

  it("builds images, whose steps have the loopback alone", async () => {
    const context = mkdtempSync(join(tmpdir(), "without-bridge-"));
    try {
      writeFileSync(join(context, "Dockerfile"), "FROM busybox\nRUN ls /sys/class/net >/seen\n");
      await berth("build", "-q", "-t", "seen", context);
      assert.equal(await berth("run", "--rm", "seen", "cat", "/seen"), "lo");
    } finally {
      rmSync(context, { recursive: true });
    }
  });
});

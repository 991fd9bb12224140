import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { eventually, output, startEngine, type TestEngine } from "../engine.ts";
import { head, openRaw } from "../raw-connection.ts";

describe("info", () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
  });
  after(() => engine.stop());

  it("names the limits this kernel can set", async () => {
    const info = JSON.parse((await engine.api("GET", "/info")).body);
    const enabled = readFileSync("/proc/cgroups", "latin1")
      .split("\n")
      .flatMap((line) => (line.endsWith("\t1") ? [line.split("\t")[0]] : []));
    const can = (controller: string) => enabled.includes(controller);
    const { MemoryLimit, SwapLimit, CpuCfsPeriod, CpuCfsQuota, CPUShares, CPUSet, PidsLimit } = info;
    assert.deepEqual([MemoryLimit, SwapLimit], [can("memory"), can("memory")]);
    assert.deepEqual([CpuCfsPeriod, CpuCfsQuota, CPUShares], [can("cpu"), can("cpu"), can("cpu")]);
    assert.deepEqual([CPUSet, PidsLimit], [can("cpuset"), can("pids")]);
    assert.equal(info.IPv4Forwarding, true, "the engine has turned it on");
    const isUnified = existsSync("/sys/fs/cgroup/cgroup.controllers");
    assert.equal(info.CgroupVersion, isUnified ? "2" : "1");
    assert.equal(info.SecurityOptions.includes("name=cgroupns"), isUnified);
  });

  it("names the drivers of networks that there are, and counts who listens to events", async () => {
    const read = async () => JSON.parse((await engine.api("GET", "/info")).body);
    const { Plugins, NEventsListener } = await read();
    assert.deepEqual(Plugins.Network, ["bridge", "host", "ipvlan", "macvlan", "null"]);
    assert.equal(NEventsListener, 0);
    const { socket } = await openRaw(engine, head("GET", "/events"));
    await eventually(
      async () => (await read()).NEventsListener,
      (count) => count === 1,
    );
    socket.destroy();
    await eventually(
      async () => (await read()).NEventsListener,
      (count) => count === 0,
    );
  });

  it("gives stock docker nothing to warn of but the bridge's netfilter, cgroup v1 and what is not installed", async () => {
    const text = await engine.cli("docker")(["info"]);
    assert.equal(text.code, 0, text.stderr);
    const warnings = `${text.stdout}\n${text.stderr}`
      .split("\n")
      .filter((line) => line.startsWith("WARNING:"));
    assert.deepEqual(
      warnings.filter((line) => !/bridge-nf-call|cgroup v1|apparmor_parser is missing/.test(line)),
      [],
    );
    assert.match(await output(engine.berth, ["info"]), /^ {2}seccomp$/m);
  });
});

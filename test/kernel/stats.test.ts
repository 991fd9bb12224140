import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import Docker from "dockerode";
import { eventually, useEngine } from "../engine.ts";
import { followStats, testSleeper } from "../follow-stats.ts";
import { stockDockers } from "../stock-docker.ts";

describe("stats", () => {
  const { engine, berth } = useEngine();
  const get = async (path: string) => {
    const { status, body } = await engine.api("GET", path);
    return { status, body: JSON.parse(body) };
  };

  const docker = () => new Docker({ socketPath: engine.host.slice("unix://".length) });
  before(async () => {
    await berth("network", "create", "front");
    const work =
      "while :; do :; done & ping -q 127.0.0.1 > /dev/null & dd if=/dev/zero of=/dev/null bs=1M count=10; exec sleep 1000";
    await berth(
      "run",
      "-d",
      "--name",
      "busy",
      "--network",
      "front",
      "-m",
      "64m",
      "--pids-limit",
      "50",
      "busybox",
      "sh",
      "-c",
      work,
    );
    await berth("create", "--name", "idle", "busybox", "sleep", "1000");
  });

  it("of a container that runs say what it uses: processor, memory, processes, network", async () => {
    const { body } = await get("/containers/busy/stats?stream=false");
    assert.equal(body.name, "/busy");
    const { cpu_stats: now, precpu_stats: past, memory_stats: memory } = body;
    assert.ok(now.cpu_usage.total_usage > past.cpu_usage.total_usage, "it has worked in between");
    assert.ok(now.system_cpu_usage > past.system_cpu_usage);
    assert.ok(now.online_cpus > 0);
    assert.ok(Date.parse(body.read) > Date.parse(body.preread));
    assert.equal(memory.limit, 64 << 20);
    assert.ok(memory.usage > 0 && memory.usage < memory.limit);
    assert.ok("inactive_file" in memory.stats || "total_inactive_file" in memory.stats);
    assert.equal(body.pids_stats.limit, 50);
    assert.ok(body.pids_stats.current >= 3);
    await berth(
      "exec",
      "busy",
      "ping",
      "-c",
      "2",
      "-i",
      "0.1",
      (await berth("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}", "busy")).trim(),
    );
    const after = (await get("/containers/busy/stats?stream=false&one-shot=true")).body;
    assert.ok(after.networks.eth0.tx_packets >= 2);
    assert.ok(after.networks.eth0.rx_bytes > 0);
    assert.equal(after.preread, "0001-01-01T00:00:00Z");
    assert.equal(after.precpu_stats.cpu_usage.total_usage, 0);
  });
  it("are not both one sample and a stream", async () => {
    for (const query of ["stream=1&one-shot=1", "one-shot=1"]) {
      const { status, body } = await get(`/containers/busy/stats?${query}`);
      assert.deepEqual([status, body.message], [400, "cannot have stream=true and one-shot=true"]);
    }
    assert.equal((await get("/containers/busy/stats?stream=0&one-shot=1")).status, 200);
  });

  it("of one that does not run say its name, and nothing else", async () => {
    const { body } = await get("/containers/idle/stats?stream=false");
    assert.equal(body.name, "/idle");
    assert.equal(body.read, "0001-01-01T00:00:00Z");
    assert.deepEqual([body.memory_stats, body.pids_stats], [{}, {}]);
    assert.deepEqual(await get("/containers/nosuch/stats"), {
      status: 404,
      body: { message: "No such container: nosuch" },
    });
  });
  it("come every second to all that follow, over the container's end and its next start, until it is removed", async () => {
    await berth("run", "-d", "--name", "brief", "busybox", "sleep", "1000");
    const both = await Promise.all([followStats(engine, "brief"), followStats(engine, "brief")]);
    const last = () => both.map(({ seen }) => seen.at(-1)?.pids_stats.current);
    await eventually(last, (found) => found.join() === "1,1");
    await berth("stop", "-t", "0", "brief");
    await eventually(last, (found) => found.join() === ",");
    await berth("start", "brief");
    await eventually(last, (found) => found.join() === "1,1");
    await berth("rm", "-f", "brief");
    await eventually(
      () => both.map(({ isOver }) => isOver()),
      (found) => found.every(Boolean),
    );
  });
  it("of one that sleeps show what changes as soon as it does something, and its new limits", () =>
    testSleeper(engine, berth));
  it("are shown by stats, of the stock command line and of ours", async () => {
    for (const program of [...stockDockers.map((docker) => engine.cli(docker)), engine.berth]) {
      const { stdout, stderr, code } = await program([
        "stats",
        "--no-stream",
        "--format",
        "{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.NetIO}} {{.PIDs}}",
      ]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^busy [\d.]+% [\d.]+[KM]iB \/ 64MiB [\d.]+k?B \/ [\d.]+k?B \d+$/m);
      assert.ok(!/^busy 0\.00%/m.test(stdout), stdout);
    }
  });
  it("leave nothing open when the clients are gone", async () => {
    const followers = Array.from({ length: 20 }, () => new AbortController());
    const streams = await Promise.all(
      followers.map(() => docker().getContainer("busy").stats({ stream: true })),
    );
    for (const stream of streams) (stream as unknown as { destroy(): void }).destroy();
    const { readdirSync, readlinkSync } = await import("node:fs");
    const counters = () =>
      readdirSync(`/proc/${engine.pid()}/fd`).filter((fd) => {
        try {
          return /cgroup|net\/dev/.test(readlinkSync(`/proc/${engine.pid()}/fd/${fd}`));
        } catch {
          return false;
        }
      }).length;
    await eventually(counters, (count) => count === 0);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseMetrics } from "../../ui/formats/metrics.ts";
import { eventually, useEngine } from "../engine.ts";
import { findFreePort } from "../free-port.ts";

describe("an engine's metrics", async () => {
  const port = await findFreePort();
  const { engine, berth } = useEngine(undefined, ["--metrics-addr", `127.0.0.1:${port}`]);
  const address = `http://127.0.0.1:${port}`;
  const read = async () => parseMetrics(await (await fetch(`${address}/metrics`)).text());
  const countOf = async (name: string, of = "") => {
    const found = (await read()).find((metric) => metric.name === name && metric.of === of);
    return found?.value;
  };

  it("count containers, what was done with them, builds, events and health checks", async () => {
    await berth("run", "--rm", "busybox", "true");
    await berth(
      "run",
      "-d",
      "--name",
      "well",
      "--health-cmd",
      "true",
      "--health-interval",
      "1s",
      "busybox",
      "top",
    );
    await berth("create", "--name", "made", "busybox");
    const action = (name: string) => countOf("engine_daemon_container_actions_seconds", name);
    assert.equal(await action("create"), 3);
    assert.equal(await action("start"), 2);
    await eventually(
      () => action("delete"),
      (count) => count === 1,
    );
    assert.equal(await countOf("engine_daemon_container_states_containers", "running"), 1);
    assert.equal(await countOf("engine_daemon_container_states_containers", "stopped"), 1);
    assert.equal(await countOf("engine_daemon_network_actions_seconds", "allocate"), 2);
    assert.ok(((await countOf("engine_daemon_events_total")) ?? 0) > 5);
    await eventually(
      () => countOf("engine_daemon_health_checks_total"),
      (count) => (count ?? 0) > 0,
    );
    assert.equal(await countOf("engine_daemon_health_checks_failed_total"), 0);
    await berth("rm", "-f", "well", "made");
  });

  it("are at /metrics of that address alone, and in the engine's API", async () => {
    assert.equal((await fetch(`${address}/version`)).status, 404);
    assert.equal((await fetch(`${address}/containers/json`)).status, 404);
    assert.equal((await fetch(`${address}/metrics`, { method: "POST" })).status, 405);
    const answer = await fetch(`${address}/metrics`);
    assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const { status, body } = await engine.api("GET", "/berth/metrics");
    assert.equal(status, 200);
    assert.match(String(body), /^# HELP builder_builds_failed_total /);
  });
});

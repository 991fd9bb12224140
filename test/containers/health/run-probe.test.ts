import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";
import { after, describe, it } from "node:test";
import type { Container } from "../../../src/containers/container.ts";
import type { Containers } from "../../../src/containers/containers.ts";
import type { Probe } from "../../../src/containers/health/probe.ts";
import { runProbe } from "../../../src/containers/health/run-probe.ts";
import { encodeFrame, streams } from "../../../src/formats/stdcopy.ts";
import { startTicks } from "../../../src/sys/process.ts";

const root = mkdtempSync(join(tmpdir(), "bt-probe-"));
after(() => rmSync(root, { recursive: true }));
for (const folder of ["layer", "containers/c/upper"]) mkdirSync(join(root, folder), { recursive: true });

/** A container whose probes run when `begun` is settled, outside it. */
function arrange() {
  const begun = Promise.withResolvers<{ pid: number; startTicks: number }>();
  const [connection, ofProcess] = duplexPair();
  const record = {
    ...{
      id: "c",
      name: "c",
      config: { User: "" },
      initLayer: "layer",
      mounts: [],
      links: [],
      state: { Running: true, Pid: 0 },
    },
    hostConfig: { Runtime: "runc" },
  };
  const container = { record, can: () => true } as unknown as Container;
  const containers = {
    settings: { root, execRoot: root, runtimes: { runc: "runc" }, runtimeArgs: {}, containerDefaults: {} },
    byId: new Map([["c", container]]),
    byName: new Map(),
    execs: new Map(),
    images: { heldDirectories: () => [join(root, "layer")] },
    events: { publish() {} },
    supervisor: { attach: async () => connection, call: async () => {} },
    launcher: { canProbe: () => false, exec: () => begun.promise },
  } as unknown as Containers;
  const probe = { args: ["true"], timeoutMilliseconds: 50 } as Probe;
  return { containers, container, probe, begun, ofProcess };
}

function startSleep() {
  const child = spawn("sleep", ["10"], { stdio: "ignore" });
  const pid = child.pid ?? 0;
  return { process: { pid, startTicks: startTicks(pid) ?? 0 }, ended: once(child, "exit") };
}

describe("a health check's probe by a supervisor that knows none", () => {
  it("is killed that was late before it was known which process it is", async () => {
    const { containers, container, probe, begun } = arrange();
    const { signal } = new AbortController();
    const result = await runProbe(containers, container, probe, signal, 50);
    const said = "timed out starting health check for container c";
    assert.deepEqual([result?.ExitCode, result?.Output], [-1, said]);
    const { process, ended } = startSleep();
    begun.resolve(process);
    assert.deepEqual(await ended, [null, "SIGKILL"]);
  });

  it("is killed that runs for longer than it may, which is said with what it has said", async () => {
    for (const said of ["", "some"]) {
      const { containers, container, probe, begun, ofProcess } = arrange();
      const { process, ended } = startSleep();
      if (said) ofProcess.write(encodeFrame(streams.stdout, Buffer.from(said)));
      begun.resolve(process);
      const { signal } = new AbortController();
      const result = await runProbe(containers, container, { ...probe, timeoutMilliseconds: 1000 }, signal);
      const words = `Health check exceeded timeout (1s)${said && `: ${said}`}`;
      assert.deepEqual([result?.ExitCode, result?.Output], [-1, words]);
      assert.deepEqual(await ended, [null, "SIGKILL"]);
    }
  });

  it("has its time for itself, and not for a start that takes long", async () => {
    const { containers, container, probe, begun, ofProcess } = arrange();
    const { signal } = new AbortController();
    const running = runProbe(containers, container, { ...probe, timeoutMilliseconds: 2000 }, signal);
    setTimeout(() => {
      begun.resolve({ pid: 0, startTicks: 0 });
      ofProcess.write(encodeFrame(streams.stdout, Buffer.from("some")));
      ofProcess.write(encodeFrame(streams.systemError, Buffer.from("no space")));
    }, 3000);
    assert.equal((await running)?.Output, "some");
  });

  it("is killed when its result is no longer wanted", async () => {
    const { containers, container, probe, begun } = arrange();
    const { process, ended } = startSleep();
    begun.resolve(process);
    const monitor = new AbortController();
    const running = runProbe(
      containers,
      container,
      { ...probe, timeoutMilliseconds: 60_000 },
      monitor.signal,
    );
    setTimeout(() => monitor.abort(), 20);
    await running;
    assert.deepEqual(await ended, [null, "SIGKILL"]);
  });

  it("whose output the supervisor could not keep fails, and the daemon goes on", async () => {
    const { containers, container, probe, begun, ofProcess } = arrange();
    begun.resolve({ pid: 0, startTicks: 0 });
    ofProcess.write(encodeFrame(streams.stdout, Buffer.from("some")));
    ofProcess.write(encodeFrame(streams.systemError, Buffer.from("no space")));
    const { signal } = new AbortController();
    const late = { ...probe, timeoutMilliseconds: 20_000 };
    const result = await runProbe(containers, container, late, signal);
    assert.deepEqual([result?.ExitCode, result?.Output], [-1, "some"]);
  });
});

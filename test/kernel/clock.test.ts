import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, output, startEngine, type TestEngine } from "../engine.ts";

const cli = join(import.meta.dirname, "../../dist/cli/main.js");
const folder = mkdtempSync(join(tmpdir(), "clock-"));
let engine: TestEngine;
const berth = (...words: string[]) => output(engine.berth, words);

/** Moves the clock of daemon and supervisor away from the machine's. The monotonic one goes on, as when a clock is set. */
function setClock(offset: string): void {
  // In one step: libfaketime ends a process that finds the file empty.
  writeFileSync(join(folder, "next"), `${offset}\n`);
  renameSync(join(folder, "next"), join(folder, "offset"));
}

/** Processes that are started by `work`, and theirs, have the clock of `setClock`. */
async function withFakedClock<R>(work: () => Promise<R>): Promise<R> {
  Object.assign(process.env, {
    LD_PRELOAD: "/usr/$LIB/faketime/libfaketime.so.1",
    FAKETIME_TIMESTAMP_FILE: join(folder, "offset"),
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  });
  try {
    return await work();
  } finally {
    delete process.env.LD_PRELOAD;
  }
}

/** Hundredths of a second that a process has had of a processor. */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** The OCI runtime has the machine's clock: Debian 13's crun never ends with its libfaketime. */
function runtimeWithoutFaking(): string[] {
  const path = join(folder, "runtime");
  writeFileSync(path, '#!/bin/sh\nunset LD_PRELOAD\nexec crun "$@"\n', { mode: 0o755 });
  return ["--add-runtime", `unfaked=${path}`, "--default-runtime", "unfaked"];
}

before(async () => {
  setClock("+0");
  engine = await withFakedClock(() => startEngine(runtimeWithoutFaking()));
  await berth("image", "make", "busybox");
});
after(async () => {
  await engine.stop();
  rmSync(folder, { recursive: true });
});

const counting = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done";
const restarts = async (): Promise<number> =>
  JSON.parse((await engine.api("GET", "/containers/again/json")).body).RestartCount;

it("keeps its head when the clock jumps by hours and years, forward and back", async () => {
  await berth("run", "-d", "--name", "counter", "busybox", "sh", "-c", counting);
  await berth("run", "-d", "--name", "again", "--restart", "always", "busybox", "true");
  const events = spawn(process.execPath, [cli, "events", "--format", "{{.Action}}"], {
    env: { ...process.env, BERTH_HOST: engine.host },
  });
  let seen = "";
  events.stdout.on("data", (chunk) => {
    seen += chunk;
  });
  try {
    for (const offset of ["+3h", "+5y", "-5y"]) {
      setClock(offset);
      const year = new Date().getUTCFullYear() + (/y$/.test(offset) ? Number.parseInt(offset, 10) : 0);
      const name = `at${offset.replace("+", "plus")}`;
      assert.match(await berth("ps", "--format", "{{.Names}} {{.Status}}"), /^counter Up .+$/m);
      await berth(
        "run",
        "-d",
        "--name",
        name,
        "busybox",
        "sh",
        "-c",
        "trap '' TERM; echo ready; while :; do sleep 0.1; done",
      );
      await eventually(
        () => berth("logs", "--since", `${year - 1}-12-30T00:00:00Z`, name),
        (text) => text === "ready",
      );
      assert.equal(await berth("logs", "--since", `${year + 2}-01-01T00:00:00Z`, name), "");
      await berth("stop", "-t", "1", name);
      assert.equal(await berth("inspect", "-f", "{{.State.ExitCode}}", name), "137");
      await eventually(
        () => seen,
        (text) => text.includes("stop\n"),
      );
      seen = "";
      await berth("rm", name);
    }
    assert.ok((await restarts()) > 0);
    setClock("+0");
    const lines = (await berth("logs", "counter")).split("\n").map(Number);
    assert.deepEqual(
      lines,
      lines.map((_, n) => n + 1),
    );
  } finally {
    events.kill();
  }
});

it("waits longer before each restart, whatever the clock says", async () => {
  await berth("rm", "-f", "again");
  const begun = performance.now();
  await berth("run", "-d", "--name", "again", "--restart", "always", "busybox", "sleep", "0.3");
  for (let hours = 1; hours <= 5; hours++) {
    await eventually(restarts, (count) => count >= hours);
    // It runs now, and by the clock for an hour.
    setClock(`+${hours}h`);
  }
  // Between five ends there are delays of 100 ms, 200, 400 and 800; by the clock each would be 100 ms. A slow machine only takes longer.
  const milliseconds = performance.now() - begun;
  assert.ok(milliseconds > 1500 + 5 * 300, `five restarts in ${milliseconds} ms`);
  await berth("rm", "-f", "again");
});

it("finds what runs when it comes back in another year, and does not spin", async () => {
  for (const offset of ["-4y", "+4y"]) {
    setClock(offset);
    await withFakedClock(() => engine.restart("SIGKILL"));
    assert.match(await berth("ps", "--format", "{{.Names}} {{.Status}}"), /^counter Up .+$/m);
    assert.equal(await berth("exec", "counter", "echo", "in"), "in");
  }
  const used = cpuTicks(engine.pid());
  // What is measured is what it does with a second in which it has nothing to do.
  await sleep(1000);
  assert.ok(cpuTicks(engine.pid()) - used < 50, "less than half of a second's time");
  await berth("rm", "-f", "counter");
});

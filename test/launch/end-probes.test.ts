import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { endProbes } from "../../src/launch/end-probes.ts";
import { cgroupFolder } from "../../src/sys/cgroup.ts";

it("ends what a container's files tell of and is in its cgroup, but no probe that is under way and no other process", async () => {
  const bundle = mkdtempSync(join(tmpdir(), "bt-end-probes-"));
  const container = `bt${randomBytes(8).toString("hex")}`;
  const cgroup = cgroupFolder(`/${container}`, "pids");
  mkdirSync(cgroup);
  const children: ChildProcess[] = [];
  const begin = (name: string, isInside: boolean) => {
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    children.push(child);
    if (isInside) writeFileSync(join(cgroup, "cgroup.procs"), String(child.pid));
    writeFileSync(join(bundle, name), String(child.pid));
    return { end: () => child.kill("SIGTERM"), ended: once(child, "exit") };
  };
  try {
    const left = begin("exec-1a.json.probe-pid", true);
    const foreign = begin("exec-2b.json.probe-pid", false);
    const present = begin("exec-3c.json.probe-pid", true);
    writeFileSync(join(bundle, "exec-4d.json.probe-pid"), "no number");
    endProbes(bundle, `/${container}`, (id) => id === "3c");
    assert.deepEqual(await left.ended, [null, "SIGKILL"]);
    for (const other of [foreign, present]) {
      other.end();
      assert.deepEqual(await other.ended, [null, "SIGTERM"]);
    }
    assert.deepEqual(readdirSync(bundle), ["exec-3c.json.probe-pid"]);
    endProbes(join(bundle, "gone"), `/${container}`, () => false);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmdirSync(cgroup);
    rmSync(bundle, { recursive: true });
  }
});

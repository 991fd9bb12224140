import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import type { Supervisor } from "../../src/supervisor-client/client.ts";
import { createLifelines } from "../../src/supervisor-client/lifelines.ts";
import { openSupervisor } from "../../src/supervisor-client/open.ts";
import { eventually } from "../engine.ts";

const folder = mkdtempSync(join(tmpdir(), "bt-one-"));
const open: Supervisor[] = [];
after(async () => {
  await open[0]?.call("shutdown", {});
  await eventually(supervisorPids, (pids) => pids.length === 0);
  rmSync(folder, { recursive: true });
});

function supervisorPids(): string[] {
  const isOurs = (pid: string) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "latin1");
      return command.includes("supervisor") && command.includes(folder);
    } catch {
      return false;
    }
  };
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isOurs(name));
}

it("is one supervisor that several daemons start at the same time, also one that was killed meanwhile", async () => {
  const start = () => openSupervisor(folder, join(folder, "spool"), createLifelines(folder));
  open.push(...(await Promise.all([start(), start(), start()])));
  const pids = await eventually(supervisorPids, (found) => found.length === 1);
  assert.equal(pids.length, 1);
  // Whoever asks, it is the same: what listens at the path is what they are connected to.
  for (const supervisor of open) assert.deepEqual(await supervisor.call("list", {}), []);
  open.push(await start());
  assert.deepEqual(await eventually(supervisorPids, (found) => found.length === 1), pids);
});

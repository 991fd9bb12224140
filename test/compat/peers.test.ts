import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";

const script = join(import.meta.dirname, "../../scripts/peers.sh");

it("ending a docker to compare with ends no process that has its number by now", async (test) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-peer-"));
  test.after(() => rmSync(folder, { recursive: true }));
  const start = (...words: string[]) => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "--", ...words]);
    test.after(() => child.kill("SIGKILL"));
    writeFileSync(join(folder, "pid"), `${child.pid}\n`);
    return child;
  };
  const down = () => {
    const { status, stderr } = spawnSync("sh", [script, "down", folder], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.equal(existsSync(join(folder, "pid")), false);
  };
  const other = start();
  down();
  assert.deepEqual([other.exitCode, other.signalCode], [null, null]);
  process.kill(other.pid as number, 0);
  const own = start("--pidfile", join(folder, "pid"));
  const ended = once(own, "exit");
  // Here its parent waits in a system call, and collects it afterwards.
  const ending = spawn("sh", [script, "down", folder]);
  await Promise.all([ended, once(ending, "exit")]);
  assert.equal(ending.exitCode, 0);
});

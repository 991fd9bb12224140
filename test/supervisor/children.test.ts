import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { it } from "node:test";
import { Children } from "../../src/supervisor/children.ts";
import { spawnProcess } from "../../src/sys/spawn.ts";
import { eventually } from "../engine.ts";

const spawn = (...words: string[]) => spawnProcess(words[0] ?? "", words, ["ignore", "ignore", "ignore"]);

/** Kills what comes to have another number. */
async function spawnAs(pid: number): Promise<void> {
  const attempt = () => {
    writeFileSync("/proc/sys/kernel/ns_last_pid", String(pid - 1));
    const made = spawn("sleep", "1000");
    if (made !== pid) process.kill(made, "SIGKILL");
    return made;
  };
  await eventually(attempt, (made) => made === pid);
}

it("takes an exit for that of the process it is asked for, and for no other of that number before it", async () => {
  const children = new Children();
  await children.whileStarting(async () => {
    const [early, orphan] = [spawn("false"), spawn("true")];
    await eventually(
      () => [early, orphan].some((pid) => existsSync(`/proc/${pid}`)),
      (isThere) => !isThere,
    );
    const codes: number[] = [];
    children.onExit(early, ({ exitCode }) => codes.push(exitCode));
    assert.deepEqual(codes, [1]);
    await spawnAs(orphan);
    const ended = new Promise<number>((resolve) =>
      children.onExit(orphan, ({ exitCode }) => {
        codes.push(exitCode);
        resolve(exitCode);
      }),
    );
    assert.deepEqual(codes, [1]);
    process.kill(orphan, "SIGKILL");
    assert.equal(await ended, 128 + 9);
  });
});

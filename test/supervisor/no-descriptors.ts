import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { watchForeign } from "../../src/supervisor/foreign.ts";
import { exitNow, hasEnded, startTicks } from "../../src/sys/process.ts";

/**
 * Watches a process while this one has no descriptor left, then again gives them back, and ends it: prints what happens in which order. To be
 * run with a low limit of descriptors. A process of its own, since the thread that watches keeps it from ending.
 */
const child = spawn("sleep", ["1000"], { stdio: "ignore" });
const pid = child.pid ?? 0;
const ticks = startTicks(pid) ?? 0;

const taken: number[] = [];
try {
  for (;;) taken.push(openSync("/dev/null", "r"));
} catch {
  // No more of them.
}
console.log(hasEnded(pid, ticks) ? "gone" : "alive");
const end = new Promise<void>((resolve) =>
  watchForeign(pid, ticks, (exitCode) => {
    console.log(`ended ${exitCode}`);
    resolve();
  }),
);
for (let turn = 0; turn < 100; turn++) await nextTurn();
console.log("descriptors");
for (const fd of taken) closeSync(fd);
child.kill("SIGTERM");
await end;
exitNow(0);

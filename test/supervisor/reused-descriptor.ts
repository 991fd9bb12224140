import { spawn } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { watchForeign } from "../../src/supervisor/foreign.ts";
import { exitNow, startTicks } from "../../src/sys/process.ts";

/**
 * Prints whose end is reported, of two processes: the first ends, and the second is watched by a descriptor of the same number before
 * the first one's end is read. A process of its own, since the thread that watches keeps it from ending.
 */
const children = ["first", "second"].map((name) => ({
  name,
  child: spawn("sleep", ["1000"], { stdio: "ignore" }),
}));
const [first, second] = children;

function watch({ name, child }: (typeof children)[number]): Promise<void> {
  const pid = child.pid ?? 0;
  return new Promise((resolve) =>
    watchForeign(pid, startTicks(pid) ?? 0, () => {
      console.log(name);
      resolve();
    }),
  );
}

function listPidfds(): string[] {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[pidfd]";
    } catch {
      return false;
    }
  });
}

const firstEnd = watch(first!);
const numbers = listPidfds();
first!.child.kill("SIGKILL");
// The thread has seen the end and closed the descriptor. Its message waits until this thread has nothing else to do.
while (listPidfds().length > 0);
const secondEnd = watch(second!);
if (listPidfds().join() !== numbers.join()) throw new Error("the number was not given out again");
await Promise.race([firstEnd, secondEnd]);
second!.child.kill("SIGKILL");
await secondEnd;
exitNow(0);

import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import { eventually, type TestEngine } from "./engine.ts";

export interface FollowedStats {
  read: string;
  pids_stats: { current?: number };
  memory_stats: { usage?: number; limit?: number };
  networks?: Record<string, { rx_bytes: number }>;
}

/** Takes a container's statistics every second. */
export async function followStats(
  { host }: TestEngine,
  name: string,
): Promise<{ seen: FollowedStats[]; isOver(): boolean; close(): void }> {
  const socketPath = host.slice("unix://".length);
  const [answer] = (await once(get({ socketPath, path: `/containers/${name}/stats` }), "response")) as [
    IncomingMessage,
  ];
  const seen: FollowedStats[] = [];
  let isOver = false;
  createInterface(answer.on("error", () => {}))
    .on("line", (line) => seen.push(JSON.parse(line)))
    .once("close", () => {
      isOver = true;
    });
  return { seen, isOver: () => isOver, close: () => void answer.destroy() };
}

/** What a container does after some seconds of sleep is seen, and so is a new limit: on each kind of cgroup from other files. */
export async function testSleeper(
  engine: TestEngine,
  berth: (...words: string[]) => Promise<string>,
): Promise<void> {
  await berth("run", "-d", "--name", "sleepy", "-m", "64m", "busybox", "sleep", "1000");
  const { seen, close } = await followStats(engine, "sleepy");
  try {
    const last = () => seen.at(-1);
    // Until then all has been read more than once without a change.
    await eventually(
      () => seen.length,
      (count) => count >= 4,
    );
    const quiet = last();
    const usage = quiet?.memory_stats.usage ?? 0;
    assert.ok(usage > 0 && usage < 10 << 20 && quiet?.networks?.eth0, JSON.stringify(quiet));
    assert.equal(quiet.memory_stats.limit, 64 << 20);
    await berth("exec", "sleepy", "dd", "if=/dev/zero", "of=/dev/shm/fill", "bs=1M", "count=20");
    // What it had used before may have become less since.
    await eventually(last, (now) => (now?.memory_stats.usage ?? 0) >= 20 << 20);
    await berth("update", "-m", "50m", "--memory-swap", "100m", "sleepy");
    await eventually(last, (now) => now?.memory_stats.limit === 50 << 20);
    const times = seen.map(({ read }) => read);
    assert.deepEqual(times, [...new Set(times)].sort(), "each sample has a time of its own");
  } finally {
    close();
    await berth("rm", "-f", "sleepy");
  }
}

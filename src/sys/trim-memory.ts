import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { declare } from "./libc.ts";

const trimCall = declare("int malloc_trim(size_t pad)");

const intervalMilliseconds = 5000;
/** Of processor time between two looks: below that the process rests. At rest it takes a few. */
const restMilliseconds = 50;
/** Of processor time since the last trim: less leaves nothing worth it. */
const workMilliseconds = 500;
/** Threads that have worked end half a minute later, and what they had is free only then. */
const threadsEndAfterMilliseconds = 40_000;
/** A heap that is larger, garbage included, is not collected: with as much in use that would take tens of milliseconds. */
const largestHeapBytes = 48 << 20;

/**
 * Gives free memory back to the system when work is over. V8 may keep ten megabytes of garbage until there is more. The allocator keeps what was freed in each of its arenas, one for
 * nearly every thread that there ever was, for as long as anything beyond it is in use: tens of megabytes after a pull.
 * @param restsAfterMilliseconds since the last work: then it is for the last time, and the garbage goes as well
 */
export function trimMemoryAtRest(
  restsAfterMilliseconds = threadsEndAfterMilliseconds,
  collect = findCollector(),
): void {
  let before = usedMilliseconds();
  let worked = 0;
  let lastWorkAt: number | undefined;
  setInterval(() => {
    const used = usedMilliseconds() - before;
    before += used;
    worked += used;
    const now = performance.now();
    if (used >= restMilliseconds) {
      if (worked >= workMilliseconds) lastWorkAt = now;
      return;
    }
    if (lastWorkAt === undefined) return;
    const isOver = now - lastWorkAt > restsAfterMilliseconds;
    if (isOver && getHeapStatistics().used_heap_size <= largestHeapBytes) collect();
    // At once, and a last time when the threads are gone.
    if (worked >= workMilliseconds || isOver) trim();
    worked = 0;
    if (isOver) lastWorkAt = undefined;
  }, intervalMilliseconds).unref();
}

/** V8's own, of this thread. */
export function findCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

/** By all threads. */
function usedMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** On a thread of the pool: it takes some milliseconds. */
function trim(): void {
  trimCall.async(0, (error: Error | null) => {
    if (error) throw error;
  });
}

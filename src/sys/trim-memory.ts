import { declare } from "./libc.ts";

const trimCall = declare("int malloc_trim(size_t pad)");

const intervalMilliseconds = 5000;
/** Of processor time between two looks: below that the process rests. At rest it takes a few. */
const restMilliseconds = 50;
/** Of processor time since the last trim: less leaves nothing worth it. */
const workMilliseconds = 500;
/** Threads that have worked end half a minute later, and what they had is free only then. */
const threadsEndAfterMilliseconds = 40_000;

/**
 * Gives free memory back to the system when work is over. The allocator keeps what was freed in each of its arenas, one for
 * nearly every thread that there ever was, for as long as anything beyond it is in use: tens of megabytes after a pull.
 */
export function trimMemoryAtRest(): void {
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
    const isOver = now - lastWorkAt > threadsEndAfterMilliseconds;
    // At once, and a last time when the threads are gone.
    if (worked >= workMilliseconds || isOver) trim();
    worked = 0;
    if (isOver) lastWorkAt = undefined;
  }, intervalMilliseconds).unref();
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

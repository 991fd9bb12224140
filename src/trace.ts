import { openSync, readSync } from "node:fs";

/** Set by the environment variable BERTH_TRACE=1: the daemon logs where the milliseconds go. */
export const isTracing = process.env.BERTH_TRACE === "1";

/** Milliseconds by phase. */
export type Phases = Record<string, number>;

/** Times the phases of one piece of work. */
export interface Trace {
  /** Ends the phase that began with the last mark. */
  mark(phase: string): void;
  /** Phases measured elsewhere, in another process for example. */
  add(phases: Phases | undefined): void;
  /** The phases in order and, last, `total`; undefined without BERTH_TRACE. */
  end(): Phases | undefined;
}

const noTrace: Trace = { mark: () => {}, add: () => {}, end: () => undefined };

/** Costs nothing without BERTH_TRACE. */
export function createTrace(): Trace {
  if (!isTracing) return noTrace;
  const begun = performance.now();
  const phases: Phases = {};
  let last = begun;
  const round = (milliseconds: number) => Math.round(milliseconds * 100) / 100;
  return {
    mark(phase) {
      const now = performance.now();
      phases[phase] = round(now - last);
      last = now;
    },
    add: (others) => void Object.assign(phases, others),
    end: () => ({ ...phases, total: round(performance.now() - begun) }),
  };
}

const leastToldMilliseconds = 1;
const resolutionMilliseconds = 1;

/** In milliseconds. */
export interface EventLoopStops {
  /** The longest time for which the thread did not come back to its event loop: it worked, or slept in the kernel. */
  eventLoopBlocked: number;
  /** The same with the time for which it was ready to go on, and the machine gave the processor to others. */
  eventLoopLate: number;
}

/** With BERTH_TRACE, tells once a second of the longest times for which this thread's event loop did not turn. */
export function watchEventLoop(report: (stops: EventLoopStops) => void): void {
  if (!isTracing) return;
  const readWaiting = openSchedulerClock();
  let last = { now: performance.now(), waiting: readWaiting() };
  let [blocked, late] = [0, 0];
  setInterval(() => {
    const next = { now: performance.now(), waiting: readWaiting() };
    const delay = next.now - last.now - resolutionMilliseconds;
    late = Math.max(late, delay);
    blocked = Math.max(blocked, delay - (next.waiting - last.waiting));
    last = next;
  }, resolutionMilliseconds).unref();
  setInterval(() => {
    const round = (milliseconds: number) => Math.round(milliseconds * 10) / 10;
    if (late > leastToldMilliseconds)
      report({ eventLoopBlocked: round(blocked), eventLoopLate: round(late) });
    [blocked, late] = [0, 0];
  }, 1000).unref();
}

/** For how many milliseconds in all this thread has been ready to run and did not (proc(5), schedstat); 0 where that is not counted. */
function openSchedulerClock(): () => number {
  const text = Buffer.alloc(128);
  try {
    const fd = openSync("/proc/thread-self/schedstat", "r");
    return () =>
      Number(text.toString("latin1", 0, readSync(fd, text, 0, text.length, 0)).split(" ")[1]) / 1e6;
  } catch {
    return () => 0;
  }
}

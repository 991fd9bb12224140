import { openSync, readSync } from "node:fs";
import { type EventLoopUtilization, performance } from "node:perf_hooks";
import { isTracing } from "../trace.ts";
import { declare } from "./libc.ts";

const clockCall = declare("int clock_gettime(int clock, _Out_ int64_t *time)");
const CLOCK_THREAD_CPUTIME_ID = 3;

const leastToldMilliseconds = 1;
const mostTold = 20;
const resolutionMilliseconds = 1;

/** One time for which an event loop did not turn. */
export interface EventLoopStop {
  /** When it was over, in milliseconds since 1970. */
  at: number;
  /** For how many milliseconds the thread was kept from its event loop: it worked, or slept in the kernel. */
  blocked: number;
  /** By how many milliseconds a timer was late, for whatever reason: other programs had the processors, or the machine stood still. */
  late: number;
}

/** With BERTH_TRACE, tells once a second of the longest stops of this thread's event loop. */
export function watchEventLoop(report: (told: { eventLoopStops: EventLoopStop[] }) => void): void {
  if (!isTracing) return;
  const readWaiting = openSchedulerClock();
  const read = (): Clocks => {
    return {
      now: performance.now(),
      loop: performance.eventLoopUtilization(),
      working: readThreadClock(),
      waiting: readWaiting(),
    };
  };
  let last = read();
  let stops: EventLoopStop[] = [];
  setInterval(() => {
    const next = read();
    const late = next.now - last.now - resolutionMilliseconds;
    if (late > leastToldMilliseconds)
      stops.push({ at: Date.now(), blocked: round(blockedBetween(last, next)), late: round(late) });
    last = next;
  }, resolutionMilliseconds).unref();
  setInterval(() => {
    const longest = stops.toSorted((a, b) => b.late - a.late).slice(0, mostTold);
    if (longest.length > 0) report({ eventLoopStops: longest });
    stops = [];
  }, 1000).unref();
}

const round = (milliseconds: number) => Math.round(milliseconds * 10) / 10;

/** In milliseconds. */
interface Clocks {
  now: number;
  loop: EventLoopUtilization;
  /** For how long this thread has had a processor. */
  working: number;
  /** For how long it was ready for one. */
  waiting: number;
}

/**
 * All the work, and of the rest of the time that the loop did not wait for events what was no wait for a processor. Waits for one
 * are known only in all, so a sleep may seem shorter by what the thread waited when events had come.
 */
function blockedBetween(last: Clocks, next: Clocks): number {
  const worked = next.working - last.working;
  const active = next.loop.active - last.loop.active;
  return worked + Math.max(0, active - worked - (next.waiting - last.waiting));
}

function readThreadClock(): number {
  const time = new BigInt64Array(2);
  clockCall(CLOCK_THREAD_CPUTIME_ID, time);
  return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
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

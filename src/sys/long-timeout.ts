/** Node fires a timer with a longer delay at once. */
const longestTimerMilliseconds = 2 ** 31 - 1;

/**
 * `setTimeout` for a delay that comes from outside, which may be of any length; with `Infinity` it never fires.
 * @returns what ends it before its time
 */
export function setLongTimeout(callback: () => void, milliseconds: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const wait = (left: number) => {
    const step = Math.min(left, longestTimerMilliseconds);
    timer = setTimeout(() => (left > step ? wait(left - step) : callback()), step);
  };
  wait(milliseconds);
  return () => clearTimeout(timer);
}

/** The same to wait for; an abort is an end like any other. Leaves nothing with the signal, which may outlive thousands of waits. */
export function waitLong(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = setLongTimeout(end, signal.aborted ? 0 : milliseconds);
    signal.addEventListener("abort", end);
  });
}

/** Whether the work has not ended by then; nothing stops it. @throws what the work throws in time */
export async function isLateBy(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<true>();
  const cancel = setLongTimeout(() => late.resolve(true), milliseconds);
  try {
    return await Promise.race([work.then(() => false), late.promise]);
  } finally {
    cancel();
    work.catch(() => {});
  }
}

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

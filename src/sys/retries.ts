/** Work that is tried again, less and less often, until it succeeds. */
export interface Retries {
  add(id: string): void;
}

const firstDelayMilliseconds = 5000;
const longestDelayMilliseconds = 300_000;

/**
 * Each id is on its own: one that hangs keeps none of the others waiting.
 * @param work never throws, and says whether the work for that id is done
 */
export function createRetries(work: (id: string) => Promise<boolean>): Retries {
  /** Of those that wait; undefined for one that is tried now. */
  const timers = new Map<string, NodeJS.Timeout | undefined>();
  /** While they were tried. */
  const added = new Set<string>();

  function wait(id: string, delay: number): void {
    timers.set(id, setTimeout(() => void retry(id, delay), delay).unref());
  }

  async function retry(id: string, delay: number): Promise<void> {
    timers.set(id, undefined);
    const isDone = await work(id);
    if (added.delete(id)) wait(id, firstDelayMilliseconds);
    else if (!isDone) wait(id, Math.min(2 * delay, longestDelayMilliseconds));
    else timers.delete(id);
  }

  return {
    add(id) {
      const timer = timers.get(id);
      if (!timer && timers.has(id)) return void added.add(id);
      clearTimeout(timer);
      wait(id, firstDelayMilliseconds);
    },
  };
}

/** Work that is tried again, less and less often, until it succeeds. */
export interface Retries {
  add(id: string): void;
}

const firstDelayMilliseconds = 5000;
const longestDelayMilliseconds = 300_000;

/** @param work never throws, and says whether the work for that id is done */
export function createRetries(work: (id: string) => Promise<boolean>): Retries {
  const waiting = new Set<string>();
  let delay = firstDelayMilliseconds;
  let isWaiting = false;

  function wait(): void {
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(retry, delay).unref();
  }

  async function retry(): Promise<void> {
    const due = [...waiting];
    waiting.clear();
    const failed = async (id: string) => ((await work(id)) ? [] : [id]);
    for (const id of (await Promise.all(due.map(failed))).flat()) waiting.add(id);
    isWaiting = false;
    delay = waiting.size > 0 ? Math.min(2 * delay, longestDelayMilliseconds) : firstDelayMilliseconds;
    if (waiting.size > 0) wait();
  }

  return {
    add(id) {
      waiting.add(id);
      wait();
    },
  };
}

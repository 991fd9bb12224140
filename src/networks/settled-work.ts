/** Work that is called for many times at once, and then done once. */
export interface SettledWork {
  callFor(): void;
  stop(): void;
}

/** Between two times, so that two programs at odds do not keep the machine busy. */
const pauseMilliseconds = 1000;

/**
 * Does `work` a moment after it was called for, and again after a pause when it was called for meanwhile.
 * @param settleMilliseconds how long the first call waits for others
 * @param work throws nothing
 */
export function createSettledWork(settleMilliseconds: number, work: () => Promise<void>): SettledWork {
  let isBusy = false;
  let isCalledFor = false;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;

  function begin(): void {
    isBusy = true;
    timer = setTimeout(run, settleMilliseconds);
  }

  async function run(): Promise<void> {
    isCalledFor = false;
    await work();
    if (isStopped) return;
    timer = setTimeout(() => {
      isBusy = false;
      if (isCalledFor) begin();
    }, pauseMilliseconds);
    timer.unref();
  }

  return {
    callFor() {
      isCalledFor = true;
      if (!isBusy) begin();
    },
    stop() {
      clearTimeout(timer);
      isStopped = true;
      isBusy = true;
    },
  };
}

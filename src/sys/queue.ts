/** Runs work of its own one after the other, in the order of the calls. What fails holds nothing up. */
export function createQueue(): <R>(work: () => Promise<R>) => Promise<R> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
}

/** The same for several at once. What waits leaves at the signal, and its work is never begun. @throws the signal's reason */
export function createGate(
  mostAtOnce: number,
): <R>(work: () => Promise<R>, signal?: AbortSignal) => Promise<R> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work, signal) => {
    signal?.throwIfAborted();
    if (running < mostAtOnce) running++;
    else await waitAmong(waiting, signal);
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

function waitAmong(waiting: (() => void)[], signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const enter = () => {
      signal?.removeEventListener("abort", leave);
      resolve();
    };
    const leave = () => {
      waiting.splice(waiting.indexOf(enter), 1);
      reject(signal?.reason);
    };
    waiting.push(enter);
    signal?.addEventListener("abort", leave, { once: true });
  });
}

/** At most this many at once for each name. */
export function createNamedGates(
  mostAtOnce: number,
): <R>(name: string, work: () => Promise<R>, signal?: AbortSignal) => Promise<R> {
  const gates = new Map<string, { enter: ReturnType<typeof createGate>; users: number }>();
  return async (name, work, signal) => {
    const gate = gates.get(name) ?? { enter: createGate(mostAtOnce), users: 0 };
    gates.set(name, gate);
    gate.users++;
    try {
      return await gate.enter(work, signal);
    } finally {
      if (--gate.users === 0) gates.delete(name);
    }
  };
}

/** Runs work of its own one after the other, in the order of the calls. What fails holds nothing up. */
export function createQueue(): <R>(work: () => Promise<R>) => Promise<R> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
}

/** The same for several at once. */
export function createGate(mostAtOnce: number): <R>(work: () => Promise<R>) => Promise<R> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running < mostAtOnce) running++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

/** At most this many at once for each name. */
export function createNamedGates(
  mostAtOnce: number,
): <R>(name: string, work: () => Promise<R>) => Promise<R> {
  const gates = new Map<string, { enter: ReturnType<typeof createGate>; users: number }>();
  return async (name, work) => {
    const gate = gates.get(name) ?? { enter: createGate(mostAtOnce), users: 0 };
    gates.set(name, gate);
    gate.users++;
    try {
      return await gate.enter(work);
    } finally {
      if (--gate.users === 0) gates.delete(name);
    }
  };
}

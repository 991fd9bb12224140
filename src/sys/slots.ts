/** A limited number may run at a time; the others wait their turn. */
export interface Slots {
  /** Resolves to what gives the slot back. @throws the signal's reason */
  take(signal: AbortSignal): Promise<() => void>;
}

/** @param limit asked for each time, since it may change */
export function createSlots(limit: () => number): Slots {
  const waiting = new Set<() => void>();
  let taken = 0;

  function next(): void {
    for (const start of waiting) {
      if (taken >= limit()) return;
      waiting.delete(start);
      taken++;
      start();
    }
  }

  function release(): () => void {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      taken--;
      next();
    };
  }

  return {
    take(signal) {
      signal.throwIfAborted();
      return new Promise((resolve, reject) => {
        const start = () => resolve(release());
        waiting.add(start);
        signal.addEventListener("abort", () => {
          if (waiting.delete(start)) reject(signal.reason);
        });
        next();
      });
    },
  };
}

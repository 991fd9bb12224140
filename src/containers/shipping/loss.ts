/** What waits for a connection, and fails with it. */
export interface Loss {
  /** Why it was lost. */
  readonly error: Error | undefined;
  /** It is lost: all that waits fails, once. */
  fail(error: Error): void;
  /** Work that ends by its own callback, or with the connection. */
  guard(work: (resolve: () => void, reject: (error: Error) => void) => void): Promise<void>;
  /** At once when it is lost already. */
  onLost(listener: (error: Error) => void): void;
}

export function createLoss(): Loss {
  const waiting = new Set<(error: Error) => void>();
  const listeners: ((error: Error) => void)[] = [];
  let lost: Error | undefined;
  return {
    get error() {
      return lost;
    },
    fail(error) {
      if (lost) return;
      lost = error;
      for (const reject of waiting) reject(error);
      waiting.clear();
      for (const listener of listeners) listener(error);
    },
    guard: (work) =>
      new Promise((resolve, reject) => {
        if (lost) return reject(lost);
        waiting.add(reject);
        const settle = (done: () => void) => {
          waiting.delete(reject);
          done();
        };
        work(
          () => settle(resolve),
          (error) => settle(() => reject(error)),
        );
      }),
    onLost(listener) {
      if (lost) listener(lost);
      else listeners.push(listener);
    },
  };
}

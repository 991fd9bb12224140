/** Gives each name to one at a time, in the order in which they ask. */
export interface NamedTurns {
  /** A failure is its own affair: the next one begins all the same. */
  inTurn<R>(name: string, work: () => Promise<R>): Promise<R>;
}

export function createNamedTurns(): NamedTurns {
  const last = new Map<string, Promise<unknown>>();
  return {
    inTurn(name, work) {
      const done = (last.get(name) ?? Promise.resolve()).catch(() => {}).then(work);
      last.set(name, done);
      const forget = () => last.get(name) === done && last.delete(name);
      done.then(forget, forget);
      return done;
    },
  };
}

/** Work that several ask for and one does. It is stopped when the last of them has left. */
export interface SharedWork<State, Result> {
  /**
   * Joins what goes on under this key, or begins it. `onState` gets the state at once, to look at meanwhile.
   * @throws what the work threw; the signal's reason for a participant that leaves
   */
  join(
    key: string,
    signal: AbortSignal,
    begin: (signal: AbortSignal) => { state: State; done: Promise<Result> },
    onState: (state: State) => void,
  ): Promise<Result>;
  /** There is some that can be joined. */
  has(key: string): boolean;
}

interface Running<State, Result> {
  state: State;
  done: Promise<Result>;
  controller: AbortController;
  participants: number;
}

export function createSharedWork<State, Result>(): SharedWork<State, Result> {
  const running = new Map<string, Running<State, Result>>();

  function start(key: string, begin: (signal: AbortSignal) => { state: State; done: Promise<Result> }) {
    const controller = new AbortController();
    const { state, done } = begin(controller.signal);
    const work: Running<State, Result> = { state, done, controller, participants: 0 };
    running.set(key, work);
    done
      .catch(() => {})
      .finally(() => {
        if (running.get(key) === work) running.delete(key);
      });
    return work;
  }

  return {
    has: (key) => running.get(key)?.controller.signal.aborted === false,
    async join(key, signal, begin, onState) {
      signal.throwIfAborted();
      let work = running.get(key);
      // What is being stopped has to end before it can start again.
      while (work?.controller.signal.aborted) {
        await work.done.catch(() => {});
        signal.throwIfAborted();
        work = running.get(key);
      }
      work ??= start(key, begin);
      const { done, controller } = work;
      const joined = work;
      joined.participants++;
      onState(work.state);
      return new Promise<Result>((resolve, reject) => {
        let isIn = true;
        const leave = () => {
          if (!isIn) return;
          isIn = false;
          if (--joined.participants === 0) controller.abort(signal.reason);
        };
        signal.addEventListener("abort", () => {
          leave();
          // Clean-up behind the work needs it to be over.
          if (joined.participants === 0) done.catch(() => {}).finally(() => reject(signal.reason));
          else reject(signal.reason);
        });
        done.then(resolve, reject).finally(() => {
          isIn = false;
        });
      });
    },
  };
}

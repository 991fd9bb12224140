import { useEffect, useState } from "preact/hooks";

/** A value that views are drawn from, and drawn again when it changes. */
export interface Store<T> {
  get(): T;
  set(next: T): void;
  subscribe(listener: () => void): () => void;
}

export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore<T>(store: Store<T>): T {
  return useSelected(store, (value) => value);
}

/** Draws again only when what is selected changes. */
export function useSelected<T, S>(store: Store<T>, select: (value: T) => S): S {
  const [value, setValue] = useState(() => select(store.get()));
  useEffect(() => {
    const take = () => setValue(() => select(store.get()));
    take();
    return store.subscribe(take);
  }, [store, select]);
  return value;
}

import { createStore, type Store } from "./store.ts";

export interface Kept<T> extends Store<T> {
  /** Takes over what another tab has kept meanwhile, or else forgets. */
  forget(): void;
}

/** What the browser keeps for the page: choices, and the session's key. No page of another origin reads it. */
export function createKept<T extends string>(name: string, initial: T): Kept<T> {
  const key = `berth.${name}`;
  const store = createStore<T>((read(key) as T | undefined) ?? initial);
  return {
    ...store,
    set(next) {
      try {
        localStorage.setItem(key, next);
      } catch {
        // A browser that keeps nothing: the choice holds as long as the page.
      }
      store.set(next);
    },
    forget() {
      const kept = read(key) as T | undefined;
      if (kept !== undefined && kept !== store.get()) store.set(kept);
      else this.set(initial);
    },
  };
}

function read(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

import { createKept } from "./kept.ts";
import { createStore } from "./store.ts";

/** The key of the login; "" without one. */
export const sessionKey = createKept<string>("key", "");

/** What the server says of the session, once it is known. */
export const session = createStore<{ isReadOnly: boolean } | undefined>(undefined);

/**
 * Another tab's login, which has ended this one's, is this one's from now on.
 * @param key that was refused: a late answer to an older one says nothing of the one that counts now
 */
export function forgetSession(key: string): void {
  if (sessionKey.get() !== key) return;
  sessionKey.forget();
  session.set(undefined);
}

import { createKept } from "./kept.ts";
import { createStore } from "./store.ts";

/** The key of the login; "" without one. */
export const sessionKey = createKept<string>("key", "");

/** What the server says of the session, once it is known. */
export const session = createStore<{ isReadOnly: boolean } | undefined>(undefined);

export function forgetSession(): void {
  sessionKey.set("");
  session.set(undefined);
}

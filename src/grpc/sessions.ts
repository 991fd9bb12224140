import type { Duplex } from "node:stream";
import type { ClientSession } from "../build/client-session.ts";
import { connectGrpc } from "../buildkit/wire/client.ts";
import { conflict, internal, notFound } from "../errors.ts";
import { createClientSession, type SessionOffer } from "./session.ts";

/** The sessions of clients that are here. */
export interface Sessions {
  /** Takes a connection over, on which the engine speaks first. @throws conflict */
  open(offer: SessionOffer, connection: Duplex): void;
  /** Whether another may be opened by that id. */
  isThere(id: string): boolean;
  /** Waits for one that is on its way. @throws internal in BuildKit's words; notFound for an empty id, which is none */
  get(id: string): Promise<ClientSession>;
}

/** A client begins its session and its build at the same time. */
const patienceMilliseconds = 5000;

export function createSessions(): Sessions {
  const here = new Map<string, ClientSession>();
  const waiting = new Set<() => void>();
  return {
    isThere: (id) => here.has(id),
    open(offer, connection) {
      if (here.has(offer.id)) throw conflict("session ID already exists");
      const client = connectGrpc(connection);
      here.set(offer.id, createClientSession(offer, client));
      client.onClose(() => here.delete(offer.id));
      for (const look of waiting) look();
    },
    get(given) {
      const id = given.slice(given.lastIndexOf(":") + 1);
      if (id === "") return Promise.reject(notFound("no active session"));
      const known = here.get(id);
      if (known) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        const look = () => {
          const found = here.get(id);
          if (found) settle(() => resolve(found));
        };
        const settle = (answer: () => void) => {
          waiting.delete(look);
          clearTimeout(timer);
          answer();
        };
        const timer = setTimeout(
          () => settle(() => reject(internal(`no active session for ${id}: context deadline exceeded`))),
          patienceMilliseconds,
        );
        waiting.add(look);
      });
    },
  };
}

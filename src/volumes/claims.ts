import { EventEmitter } from "node:events";
import { conflict } from "../errors.ts";

/** Until it is given back. */
export interface Claim {
  free(): void;
}

/** What is under way with volumes, by their names. */
export interface Claims {
  /** Of a volume that is being made. @throws conflict when another one is */
  reserve(name: string): Claim;
  isReserved(name: string): boolean;
  /** Keeps a volume from being removed or renamed. @param user id of a container that is being made; without, it is copied */
  hold(name: string, user?: string): Claim;
  isHeld(name: string): boolean;
  /** Once it is not held any more. */
  whenFree(name: string): Promise<void>;
  /** @param usedBy ids of the containers that have it. @throws conflict in Docker's words */
  refuseUsed(name: string, verb: string, usedBy: string[]): void;
}

/** No volume is called so: an event named "error" would be thrown. */
const eventOf = (name: string) => `free ${name}`;

export function createClaims(): Claims {
  const reserved = new Set<string>();
  const held = new Map<string, Set<{ user: string | undefined }>>();
  const freed = new EventEmitter().setMaxListeners(0);
  return {
    reserve(name) {
      if (reserved.has(name)) throw conflict(`a volume named ${name} is being made`);
      reserved.add(name);
      return { free: () => void reserved.delete(name) };
    },
    isReserved: (name) => reserved.has(name),
    hold(name, user) {
      const holder = { user };
      const holders = held.get(name) ?? new Set();
      held.set(name, holders.add(holder));
      return {
        free() {
          holders.delete(holder);
          if (holders.size > 0 || held.get(name) !== holders) return;
          held.delete(name);
          freed.emit(eventOf(name));
        },
      };
    },
    isHeld: (name) => held.has(name),
    async whenFree(name) {
      while (held.has(name)) await new Promise<void>((resolve) => freed.once(eventOf(name), resolve));
    },
    refuseUsed(name, verb, usedBy) {
      const holders = [...(held.get(name) ?? [])];
      const users = [...new Set([...usedBy, ...holders.flatMap(({ user }) => user ?? [])])];
      if (users.length > 0) throw conflict(`${verb} ${name}: volume is in use - [${users.join(", ")}]`);
      if (holders.length > 0) throw conflict(`${verb} ${name}: volume is being copied`);
    },
  };
}

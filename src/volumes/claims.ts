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
  /** Keeps a volume from being removed or renamed. */
  hold(name: string): Claim;
  /** @param usedBy ids of the containers that have it. @throws conflict in Docker's words */
  refuseUsed(name: string, verb: string, usedBy: string[]): void;
}

export function createClaims(): Claims {
  const reserved = new Set<string>();
  const held = new Map<string, number>();
  return {
    reserve(name) {
      if (reserved.has(name)) throw conflict(`a volume named ${name} is being made`);
      reserved.add(name);
      return { free: () => void reserved.delete(name) };
    },
    isReserved: (name) => reserved.has(name),
    hold(name) {
      held.set(name, (held.get(name) ?? 0) + 1);
      return {
        free() {
          const left = (held.get(name) ?? 1) - 1;
          if (left > 0) held.set(name, left);
          else held.delete(name);
        },
      };
    },
    refuseUsed(name, verb, usedBy) {
      if (usedBy.length > 0) throw conflict(`${verb} ${name}: volume is in use - [${usedBy.join(", ")}]`);
      if (held.has(name)) throw conflict(`${verb} ${name}: volume is being copied`);
    },
  };
}

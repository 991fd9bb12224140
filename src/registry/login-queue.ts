import { isIPv6 } from "node:net";
import { RegistryError } from "./errors.ts";

/** Who wants to log in. */
export interface Applicant {
  /** IP address. */
  address: string;
  user: string;
  /** Aborted when the client has gone. */
  signal?: AbortSignal | undefined;
}

/**
 * Passwords take long to check on purpose, so a client that sends many could keep all others out. Addresses take turns here, and
 * the user names of one address do: a login waits for one check of each of the others at most.
 */
export interface LoginQueue {
  /** @throws RegistryError TOOMANYREQUESTS when too many wait from this address; the signal's reason */
  run<R>(applicant: Applicant, check: () => Promise<R>): Promise<R>;
}

interface Waiting {
  begin(): void;
  refuse(error: Error): void;
}

const mostOfOneAddress = 256;
const mostInAll = 4096;

/** @param mostAtOnce checks that run at the same time */
export function createLoginQueue(mostAtOnce: number): LoginQueue {
  /** By address and by user; whose turn is next comes first. */
  const addresses = new Map<string, Users>();
  let running = 0;

  function drop(place: string, user: string, waiting: Waiting): void {
    const users = addresses.get(place);
    const rest = (users?.get(user) ?? []).filter((one) => one !== waiting);
    if (rest.length > 0) users?.set(user, rest);
    else users?.delete(user);
    if (users?.size === 0) addresses.delete(place);
  }

  /** Takes who is next, and puts its address and its name last. */
  function takeNext(): Waiting | undefined {
    for (const [place, users] of addresses) {
      for (const [user, [first, ...rest]] of users) {
        users.delete(user);
        if (rest.length > 0) users.set(user, rest);
        addresses.delete(place);
        if (users.size > 0) addresses.set(place, users);
        return first;
      }
    }
    return undefined;
  }

  function beginNext(): void {
    while (running < mostAtOnce) {
      const next = takeNext();
      if (!next) return;
      running++;
      next.begin();
    }
  }

  /** The address with the most waiting makes room. */
  function makeRoom(place: string): void {
    const counts = [...addresses].map(([name, users]) => [name, countOf(users)] as const);
    const total = counts.reduce((sum, [, count]) => sum + count, 0);
    if (countOf(addresses.get(place)) >= mostOfOneAddress) throw tooMany();
    if (total < mostInAll) return;
    const [biggest = place] = counts.sort(([, a], [, b]) => b - a)[0] ?? [];
    if (biggest === place) throw tooMany();
    const [user, list] = [...(addresses.get(biggest) ?? [])].at(-1) ?? [];
    const last = list?.at(-1);
    if (user === undefined || !last) return;
    drop(biggest, user, last);
    last.refuse(tooMany());
  }

  return {
    async run({ address, user, signal }, check) {
      signal?.throwIfAborted();
      const place = placeOf(address);
      makeRoom(place);
      await new Promise<void>((begin, refuse) => {
        const waiting = { begin, refuse };
        add(addresses, place, user, waiting);
        signal?.addEventListener("abort", () => {
          drop(place, user, waiting);
          refuse(signal.reason);
        });
        beginNext();
      });
      try {
        return await check();
      } finally {
        running--;
        beginNext();
      }
    },
  };
}

type Users = Map<string, Waiting[]>;

const countOf = (users: Users | undefined) =>
  users?.values().reduce((sum, { length }) => sum + length, 0) ?? 0;

function add(addresses: Map<string, Users>, place: string, user: string, waiting: Waiting): void {
  const users = addresses.get(place) ?? (new Map() satisfies Users);
  addresses.set(place, users);
  users.set(user, [...(users.get(user) ?? []), waiting]);
}

/** One customer of a provider has a whole /64 of IPv6. */
function placeOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped) return mapped;
  if (!isIPv6(address)) return address;
  const [head = "", tail = ""] = address.split("%")[0]!.split("::");
  const [first, last] = [head, tail].map((part) => part.split(":").filter(Boolean));
  const gap = Array.from({ length: 8 - (first?.length ?? 0) - (last?.length ?? 0) }, () => "0");
  return [...(first ?? []), ...gap, ...(last ?? [])].slice(0, 4).join(":");
}

function tooMany(): RegistryError {
  return new RegistryError("TOOMANYREQUESTS", "too many logins at once: try again in a moment", {
    headers: { "Retry-After": "1" },
  });
}

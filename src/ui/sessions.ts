import { createHash, randomBytes } from "node:crypto";

/**
 * A login. The cookie alone opens nothing, since a browser sends it to every port of the machine, and containers listen there: the key
 * is kept by the page, which no other origin can read, and comes with each request.
 */
export interface UiSession {
  readonly key: string;
  /** Aborted when it ends: its streams end with it. */
  readonly signal: AbortSignal;
}

export interface UiSessions {
  /** @returns the session, and its cookie's value */
  begin(): { session: UiSession; id: string };
  /** Undefined for an id that never was, or is over. */
  find(id: string): UiSession | undefined;
  end(id: string): void;
  endAll(): void;
}

interface Kept extends UiSession {
  end: AbortController;
  endsAt: number;
  /** Ends its streams in time, also when no request of it comes any more. */
  timer: NodeJS.Timeout;
}

const mostSessions = 64;
export const sessionSeconds = 12 * 3600;

/** @param now in milliseconds; given by tests */
export function createUiSessions(now: () => number = Date.now): UiSessions {
  /** By the hash of the id, so that how long a search takes says nothing of an id. The oldest comes first. */
  const kept = new Map<string, Kept>();

  function drop(hash: string): void {
    const found = kept.get(hash);
    kept.delete(hash);
    clearTimeout(found?.timer);
    found?.end.abort();
  }

  return {
    begin() {
      for (const [hash, { endsAt }] of kept) if (endsAt <= now()) drop(hash);
      const [oldest] = kept.keys();
      if (kept.size >= mostSessions && oldest !== undefined) drop(oldest);
      const id = secret();
      const end = new AbortController();
      const hash = hashOf(id);
      const life = sessionSeconds * 1000;
      const timer = setTimeout(() => drop(hash), life).unref();
      const session = { key: secret(), signal: end.signal, end, endsAt: now() + life, timer };
      kept.set(hash, session);
      return { session, id };
    },
    find(id) {
      const hash = hashOf(id);
      const found = kept.get(hash);
      if (found && found.endsAt <= now()) drop(hash);
      return kept.get(hash);
    },
    end: (id) => drop(hashOf(id)),
    endAll() {
      for (const hash of [...kept.keys()]) drop(hash);
    },
  };
}

export const secret = () => randomBytes(32).toString("base64url");

export const hashOf = (text: string) => createHash("sha256").update(text).digest("base64");

/** The cookie's name has the port, since cookies of all ports are one heap. */
export function cookieName(host = ""): string {
  return `berth-ui-${/:(\d+)$/.exec(host)?.[1] ?? "0"}`;
}

/**
 * All that a request's Cookie header has under that name: another port's page can set one too, for a longer path, and it then comes
 * before ours.
 */
export function findCookies(header: string | undefined, name: string): string[] {
  return (header ?? "").split(";").flatMap((pair) => {
    const [key, value] = pair.trim().split("=", 2);
    return key === name && value ? [value] : [];
  });
}

import { isIPv6 } from "node:net";
import { Refusal } from "./refusal.ts";

/** Slows down wrong tries at logging in: each of an address doubles the time until its next. */
export interface LoginAttempts {
  /** @throws Refusal 429 while it must wait */
  check(address: string): void;
  fail(address: string): void;
  succeed(address: string): void;
}

const freeTries = 3;
const longestWaitMilliseconds = 60_000;
const forgottenAfterMilliseconds = 3600_000;
const mostAddresses = 1000;

interface Place {
  wrong: number;
  openAt: number;
}

/** @param now in milliseconds; given by tests */
export function createAttempts(now: () => number = Date.now): LoginAttempts {
  /** The one that failed longest ago comes first. */
  const places = new Map<string, Place>();

  return {
    check(address) {
      const wait = (places.get(placeOf(address))?.openAt ?? 0) - now();
      if (wait <= 0) return;
      const seconds = String(Math.ceil(wait / 1000));
      throw new Refusal(429, `too many wrong tries: try again in ${seconds} s`, { "Retry-After": seconds });
    },
    fail(address) {
      const place = placeOf(address);
      const before = places.get(place);
      const isStale = before !== undefined && now() - before.openAt > forgottenAfterMilliseconds;
      const wrong = (isStale ? 0 : (before?.wrong ?? 0)) + 1;
      const wait =
        wrong <= freeTries ? 0 : Math.min(longestWaitMilliseconds, 1000 * 2 ** (wrong - freeTries));
      places.delete(place);
      const [oldest] = places.keys();
      if (places.size >= mostAddresses && oldest !== undefined) places.delete(oldest);
      places.set(place, { wrong, openAt: now() + wait });
    },
    succeed(address) {
      places.delete(placeOf(address));
    },
  };
}

/** A whole /64 of IPv6 is one customer's. */
function placeOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const { hostname } = new URL(`http://[${address.split("%")[0]}]`);
  const [head = "", tail = ""] = hostname.slice(1, -1).split("::");
  const words = [head, tail].map((part) => part.split(":").filter(Boolean));
  const gap = Array.from({ length: 8 - (words[0]?.length ?? 0) - (words[1]?.length ?? 0) }, () => "0");
  return [...(words[0] ?? []), ...gap, ...(words[1] ?? [])].slice(0, 4).join(":");
}

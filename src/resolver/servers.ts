import { readFileSync, statSync } from "node:fs";

/** A machine's name servers, as its administrator has them now. */
export interface HostServers {
  /** Addresses, in order. */
  list(): readonly string[];
}

/** More than the C library reads, resolv.conf(5). */
const mostServers = 8;
/** A change is noticed by then. */
const freshMilliseconds = 1000;

/** Reads /etc/resolv.conf, again when it has changed: a laptop moves from one network to another under its containers. */
export function createHostServers(path = "/etc/resolv.conf"): HostServers {
  let servers: string[] = [];
  let version = "";
  let checkedAt = Number.NEGATIVE_INFINITY;

  function refresh(): void {
    checkedAt = performance.now();
    try {
      const { mtimeNs, ino, size } = statSync(path, { bigint: true });
      const found = `${ino} ${mtimeNs} ${size}`;
      if (found === version) return;
      servers = parseServers(readFileSync(path, "utf8"));
      version = found;
    } catch {
      // It is being replaced, or there is none: what was there last is as good.
    }
  }

  return {
    list() {
      if (performance.now() - checkedAt > freshMilliseconds) refresh();
      return servers;
    },
  };
}

/** The "nameserver" lines of a resolv.conf(5). */
export function parseServers(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/));
  return lines
    .flatMap(([word, address]) => (word === "nameserver" && address ? address : []))
    .slice(0, mostServers);
}

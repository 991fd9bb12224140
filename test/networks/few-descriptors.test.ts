import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { after, test } from "node:test";
import { createHostLinks } from "../../src/networks/links.ts";
import { createLiveNetns } from "../../src/networks/live-netns.ts";
import { createNetnsPool } from "../../src/networks/netns-pool.ts";
import { check, declare } from "../../src/sys/libc.ts";
import { closeNetns, enterNewNetns } from "../../src/sys/netns.ts";
import { startTicks } from "../../src/sys/process.ts";

enterNewNetns();
const links = createHostLinks();
const pool = createNetnsPool(links);
const live = createLiveNetns(links);
after(() => {
  pool.close();
  links.socket.close();
});

const setLimit = declare("int prlimit(int pid, int resource, const void *set, void *before)");
const descriptors = 7;

function limit(soft: number, before?: Buffer): void {
  const limits = Buffer.alloc(16);
  limits.writeBigUInt64LE(BigInt(soft));
  limits.writeBigUInt64LE(1024n, 8);
  check(setLimit(0, descriptors, limits, before ?? null), "prlimit");
}

/** Without that of the folder itself. */
const open = () =>
  new Set(
    readdirSync("/proc/self/fd")
      .filter((name) => existsSync(`/proc/self/fd/${name}`))
      .map(Number),
  );

/** Does it with room for so many descriptors more. @returns whether that was enough */
function tryWith(room: number, work: () => void): boolean {
  const there = open();
  // A descriptor gets the lowest number that is free.
  let last = 0;
  for (let free = room; free > 0; last++) if (!there.has(last)) free--;
  limit(last);
  try {
    work();
    return true;
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "EMFILE");
    return false;
  } finally {
    limit(1024);
  }
}

const self = { pid: process.pid, startTicks: startTicks(process.pid) ?? 0 };
const works: [what: string, work: () => void][] = [
  ["a namespace that is entered", () => void live.has(self, "eth0")],
  [
    "a namespace that is made",
    () => closeNetns(pool.open({ interfaces: [], redirectsNames: false, mapping: undefined }).fd),
  ],
];

for (const [what, work] of works)
  test(`${what} leaves nothing open where descriptors are short`, () => {
    work();
    const before = open().size;
    let room = 0;
    while (!tryWith(room, work)) {
      assert.equal(open().size, before, `with room for ${room}`);
      room++;
    }
    assert.ok(room > 1);
    assert.equal(open().size, before);
  });

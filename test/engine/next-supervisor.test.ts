import assert from "node:assert/strict";
import { it } from "node:test";
import { nextSupervisor } from "../../src/engine/next-supervisor.ts";
import { createLogger } from "../../src/logger.ts";
import type { Supervisor } from "../../src/supervisor-client/client.ts";

const silent = createLogger("fatal");
const supervisor = { call: async () => undefined, close: () => {} } as unknown as Supervisor;
const lost = {} as Supervisor;

it("tries again when the next supervisor does not come, and what is asked meanwhile fails with the attempt", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const holder = { supervisor: lost, closing: false };
  let attempts = 0;
  const asked: Promise<unknown>[] = [];
  const connect = async () => {
    attempts++;
    if (attempts > 3) return supervisor;
    throw new Error("out of memory");
  };
  const next = nextSupervisor(connect, holder, silent);
  asked.push(holder.supervisor.call("list", {}));
  await assert.rejects(asked[0] as Promise<unknown>, /out of memory/);
  let isThere = false;
  next.then(() => {
    isThere = true;
  });
  while (!isThere) {
    t.mock.timers.tick(30_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await next, supervisor);
  assert.equal(holder.supervisor, supervisor);
  assert.equal(attempts, 4);
});

it("tries no more once the engine is closed, whose end meets an attempt that has failed", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const holder = { supervisor: lost, closing: false };
  let attempts = 0;
  const next = nextSupervisor(
    async () => {
      attempts++;
      throw new Error("out of memory");
    },
    holder,
    silent,
  );
  holder.closing = true;
  holder.supervisor.close();
  let isOver = false;
  next.then(() => {
    isOver = true;
  });
  while (!isOver) {
    t.mock.timers.tick(30_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await next, undefined);
  assert.equal(attempts, 1);
});

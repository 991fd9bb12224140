import assert from "node:assert/strict";
import { afterEach, beforeEach, it, mock } from "node:test";
import type { Children } from "../../src/supervisor/children.ts";
import { createKeeper } from "../../src/supervisor/keeper.ts";
import type { ToldProcess } from "../../src/supervisor/told-process.ts";

/** A program that can be started, or not, and ended. */
function createProgram() {
  const program = {
    starts: 0,
    /** "fails": it ends before it has answered; "refuses": it answers with an error, and goes on. */
    behaviour: "works" as "works" | "fails" | "refuses",
    told: [] as unknown[],
    living: new Set<() => void>(),
    /** How long it goes on once it is closed. */
    lingerMilliseconds: 0,
    start(_: unknown, __: unknown, ___: string, onExit: () => void): ToldProcess {
      program.starts++;
      const end = () => {
        if (program.living.delete(end)) onExit();
      };
      program.living.add(end);
      return {
        async request(method, parameters) {
          if (program.behaviour === "fails") end();
          if (program.behaviour !== "works") throw new Error(`it ${program.behaviour}`);
          program.told.push([method, parameters]);
        },
        close: () => (program.lingerMilliseconds ? setTimeout(end, program.lingerMilliseconds) : end()),
      };
    },
  };
  return program;
}

let program: ReturnType<typeof createProgram>;
let complaints: unknown[];
let isNeeded = true;
beforeEach(() => {
  program = createProgram();
  complaints = [];
  isNeeded = true;
  mock.method(console, "error", (...words: unknown[]) => void complaints.push(words));
  mock.timers.enable({ apis: ["setTimeout"] });
});
afterEach(() => mock.reset());

const create = () =>
  createKeeper(
    {
      ...{ program: "resolver", children: {} as Children, execRoot: "/nowhere" },
      isNeeded: () => isNeeded,
      all: () => ({ method: "syncNames", parameters: "all" }),
    },
    program.start,
  );

async function pass(milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 100) {
    mock.timers.tick(100);
    await new Promise(setImmediate);
  }
}

it("goes on trying to start one that is needed, less and less often, after those who wait got an error", async () => {
  const { tell } = create();
  program.behaviour = "fails";
  const told = assert.rejects(tell("putNames", 1), /the resolver does not start/);
  await pass(2000);
  await told;
  await pass(600_000);
  const { starts } = program;
  assert.ok(starts > 20 && starts < 100, `${starts} starts`);
  program.behaviour = "works";
  await pass(120_000);
  assert.deepEqual(program.told, [["syncNames", "all"]]);
  assert.equal(program.starts, starts + 1);
  assert.equal(program.living.size, 1);
});

it("tries no longer when it is not needed, and at once when it is again", async () => {
  const { tell } = create();
  program.behaviour = "fails";
  const told = assert.rejects(tell("putNames", 1));
  await pass(2000);
  await told;
  isNeeded = false;
  await pass(10_000);
  const { starts } = program;
  await pass(600_000);
  assert.equal(program.starts, starts);
  isNeeded = true;
  program.behaviour = "works";
  const second = tell("putNames", 2);
  await pass(100);
  await second;
  assert.deepEqual(program.told, [["syncNames", "all"]]);
});

it("ends one that refuses what it is told at its start", async () => {
  const { tell } = create();
  program.behaviour = "refuses";
  const told = assert.rejects(tell("putNames", 1));
  await pass(2000);
  await told;
  assert.equal(program.living.size, 0);
});

it("does so less and less often also where one that refuses ends a while after it was closed", async () => {
  const { tell } = create();
  Object.assign(program, { behaviour: "refuses", lingerMilliseconds: 200 });
  const told = assert.rejects(tell("putNames", 1));
  await pass(2000);
  await told;
  await pass(600_000);
  const { starts } = program;
  assert.ok(starts > 20 && starts < 100, `${starts} starts`);
  isNeeded = false;
  await pass(120_000);
  assert.equal(program.living.size, 0);
});

it("starts another at once when one ends, and knows all", async () => {
  const { tell } = create();
  const told = tell("putNames", 1);
  await pass(100);
  await told;
  for (const end of program.living) end();
  await pass(1000);
  assert.equal(program.starts, 2);
  assert.deepEqual(program.told, [
    ["syncNames", "all"],
    ["syncNames", "all"],
  ]);
});

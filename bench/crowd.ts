import { type BenchEngine, docker } from "./engine.ts";
import { alternate, type Bench, inParallel, median, milliseconds } from "./measure.ts";
import { cpuMilliseconds, memoryBytes } from "./processes.ts";
import type { Row } from "./results.ts";

const idle = ["busybox", "sleep", "100000"];
const crowdSize = 50;

function start(engine: BenchEngine, name: string): Promise<string> {
  return docker(engine, ["run", "-d", "--name", name, ...idle]);
}

function remove(engine: BenchEngine, names: string[]): Promise<string> {
  return docker(engine, ["rm", "-f", ...names], { discardOutput: true });
}

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** The engines at rest: memory and processor time with no container. */
export const benchRest: Bench = async (engines) => {
  const seconds = 20;
  await pause(10);
  const before = engines.map(({ initPid }) => cpuMilliseconds(initPid));
  await pause(seconds);
  const cpu: Row = { name: "processor at rest", unit: "%", samples: 1, values: {} };
  const memory: Row = { name: "memory at rest (PSS)", unit: "MB", samples: 1, values: {} };
  for (const [index, { name, initPid }] of engines.entries()) {
    cpu.values[name] = (100 * (cpuMilliseconds(initPid) - (before[index] ?? 0))) / (seconds * 1000);
    memory.values[name] = memoryBytes(initPid) / 1e6;
  }
  return [memory, cpu];
};

/** Fifty containers: started one by one and ten at a time, removed with one command, and what they weigh. */
export const benchCrowd: Bench = async (engines) => {
  const names = Array.from({ length: crowdSize }, (_, number) => `c${number}`);
  const memory: Row = { name: "memory per idle container (PSS)", unit: "kB", samples: 2, values: {} };
  const before = new Map<string, number>();
  const removals = new Map<string, number[]>(engines.map(({ name }) => [name, []]));
  const measure = async (engine: BenchEngine) => {
    await pause(2);
    const grownBytes = memoryBytes(engine.initPid) - (before.get(engine.name) ?? 0);
    memory.values[engine.name] = grownBytes / crowdSize / 1e3;
    removals.get(engine.name)?.push(await milliseconds(() => remove(engine, names)));
  };
  const note = async (engine: BenchEngine) => before.set(engine.name, memoryBytes(engine.initPid));
  const oneByOne = await alternate(engines, {
    name: `start of ${crowdSize}, one by one`,
    samples: 2,
    before: note,
    async work(engine) {
      for (const name of names) await start(engine, name);
    },
    after: measure,
  });
  const tenAtATime = await alternate(engines, {
    name: `start of ${crowdSize}, ten at a time`,
    samples: 2,
    before: note,
    work: (engine) => inParallel(crowdSize, 10, (number) => start(engine, `c${number}`)),
    after: measure,
  });
  const values = Object.fromEntries([...removals].map(([name, taken]) => [name, median(taken)]));
  const removal: Row = { name: `\`rm -f\` of ${crowdSize}`, unit: "ms", samples: 4, values };
  return [oneByOne, tenAtATime, removal, memory];
};

/**
 * Five hundred containers: is anything slower than with none? One engine after the other, since the containers of one, and what
 * watches each of them, take the other's time as well.
 */
export const benchMultitude: Bench = async (engines) => {
  const rows = new Map<string, Row>();
  for (const engine of engines) {
    for (const row of await benchOneMultitude(engine)) {
      const values = { ...rows.get(row.name)?.values, ...row.values };
      rows.set(row.name, { ...row, values });
    }
  }
  return [...rows.values()];
};

async function benchOneMultitude(engine: BenchEngine): Promise<Row[]> {
  const rows = [await timeStart([engine], "none running")];
  let running = 0;
  for (const goal of [100, 500]) {
    await inParallel(goal - running, 6, (number) => start(engine, `m${running + number}`));
    running = goal;
    const name = `\`ps\`, ${goal} containers`;
    const work = () => docker(engine, ["ps"], { discardOutput: true });
    rows.push(await alternate([engine], { name, samples: 20, work }));
  }
  rows.push(await timeStart([engine], "500 running"));
  const names = Array.from({ length: running }, (_, number) => `m${number}`);
  await inParallel(10, 2, (part) => remove(engine, names.slice(part * 50, part * 50 + 50)));
  return rows;
}

function timeStart(engines: BenchEngine[], when: string): Promise<Row> {
  return alternate(engines, {
    name: `\`run -d\`, ${when}`,
    samples: 20,
    work: (engine) => start(engine, "extra"),
    after: (engine) => remove(engine, ["extra"]),
  });
}

import { join } from "node:path";
import { berth, startBerth } from "./berth.ts";
import { type BenchEngine, docker } from "./engine.ts";
import { observe, watchLoops } from "./event-loop.ts";
import { ask, containerCount, endAll, fillStore, imageCount } from "./full-store-content.ts";
import type { Archives } from "./images.ts";
import { alternate, median } from "./measure.ts";
import { cpuMilliseconds, memoryBytes } from "./processes.ts";
import type { Row } from "./results.ts";

const starts = 3;
const removedAtOnce = 20;
const restSeconds = 60;

/** What is stored is neither seen nor felt: an engine with thousands of images and stopped containers. */
export async function benchFullStore(folder: string, bundle: string, archives: Archives): Promise<Row[]> {
  const files = join(folder, "full");
  process.env.BERTH_TRACE = "1";
  let engine = await startBerth(files, bundle, { name: "berth-full" });
  try {
    await fillStore(engine, archives, join(folder, "images.tar"));
    await engine.halt();
    endAll(join(files, "data"));
    const taken: number[] = [];
    const worked: number[] = [];
    for (let start = 0; start < starts; start++) {
      await engine.halt();
      const begun = performance.now();
      engine = await startBerth(files, bundle, { name: "berth-full", isAgain: true });
      taken.push(performance.now() - begun);
      worked.push(cpuMilliseconds(engine.initPid));
    }
    const name = (what: string) => `${what}, ${imageCount} images and ${containerCount} stopped containers`;
    const one = { name: name(""), unit: "ms", samples: starts } as const;
    await pause(restSeconds);
    const memory = memoryBytes(engine.initPid) / 1e6;
    const timed = await timeLists(engine, bundle, name);
    const watched = await watchLoops({ ...engine, name: "berth" });
    try {
      return [
        { ...one, name: name("start of the daemon"), values: { berth: median(taken) } },
        { ...one, name: name("processor time of the start"), values: { berth: median(worked) } },
        { ...one, name: name("memory (PSS)"), unit: "MB", samples: 1, values: { berth: memory } },
        ...timed,
        ...(await observe(watched, name("`ps -a`"), () => ask(engine, "GET", "/containers/json?all=1"))),
        ...(await observe(watched, name("`images`"), () => ask(engine, "GET", "/images/json"))),
        ...(await observe(watched, name("`system df`"), () => ask(engine, "GET", "/system/df"))),
        ...(await observe(watched, name("removal"), (sample) => removeSome(engine, sample))),
        ...(await observe(watched, name("`container prune` of a tenth"), (sample) =>
          docker(engine, ["container", "prune", "-f", ...groupFilter(sample)], long),
        )),
        ...(await observe(watched, name("`image prune` of a tenth"), (sample) =>
          docker(engine, ["image", "prune", "-af", ...groupFilter(sample)], long),
        )),
      ];
    } finally {
      watched.end();
    }
  } finally {
    delete process.env.BERTH_TRACE;
    await engine.stop();
  }
}

const groupFilter = (group: number) => ["--filter", `label=group=${group}`];
const long = { discardOutput: true, timeoutSeconds: 600 };

async function timeLists(
  started: BenchEngine,
  bundle: string,
  name: (what: string) => string,
): Promise<Row[]> {
  const engine = { ...started, name: "berth" };
  const samples = 5;
  return [
    await alternate([engine], {
      name: name("`berth ps -a`"),
      samples,
      work: () => berth(engine, bundle, ["ps", "-a"]),
    }),
    await alternate([engine], {
      name: name("`berth image ls`"),
      samples,
      work: () => berth(engine, bundle, ["image", "ls"]),
    }),
    await alternate([engine], {
      name: name("`docker ps -a`"),
      samples,
      work: () => docker(engine, ["ps", "-a"], { discardOutput: true }),
    }),
    await alternate([engine], {
      name: name("`GET /containers/json?all=1`"),
      samples,
      work: () => ask(engine, "GET", "/containers/json?all=1"),
    }),
    await alternate([engine], {
      name: name("`docker ps -aq`"),
      samples,
      work: () => docker(engine, ["ps", "-aq"], { discardOutput: true }),
    }),
    await alternate([engine], {
      name: name("`GET /images/json`"),
      samples,
      work: () => ask(engine, "GET", "/images/json"),
    }),
  ];
}

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function removeSome(engine: BenchEngine, sample: number): Promise<void> {
  const names = Array.from({ length: removedAtOnce }, (_, number) => `c${sample * removedAtOnce + number}`);
  await docker(engine, ["rm", ...names], { discardOutput: true });
}

import { randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Builder, build, byDocker, startBuildah } from "./builders.ts";
import { startDiscarder } from "./discard.ts";
import { dataBytes } from "./disk.ts";
import { type BenchEngine, docker, runCommand } from "./engine.ts";
import type { Archives } from "./images.ts";
import { alternate, type Bench, inParallel } from "./measure.ts";
import type { Row } from "./results.ts";
import { watchMemory } from "./watch-memory.ts";

const runSteps = 6;
const manyFiles = 10_000;
const contextMegabytes = 200;
const buildsAtOnce = 10;
const samples = 5;
const quietSeconds = 5;

/** Images from Dockerfiles, by the same docker and buildx on each engine's socket, and by buildah, when it is installed. */
export const benchBuilds =
  (folder: string, archives: Archives): Bench =>
  async (engines) => {
    const contexts = makeContexts(join(folder, "contexts"));
    const buildah = await startBuildah(join(folder, "buildah"), archives.busybox);
    const builders = [...engines.map(byDocker), ...(buildah ? [buildah] : [])];
    const before = await diskBytes(engines);
    try {
      return [
        ...(await benchRebuilds(builders, contexts.many)),
        ...(await benchClassic(engines, contexts.many, join(folder, "discard.sock"))),
        ...(await benchCold(builders, contexts)),
        await measureDisk(engines, before),
        ...(await benchCrowdOfBuilds(engines, contexts.small)),
      ];
    } finally {
      buildah?.remove();
      rmSync(join(folder, "contexts"), { recursive: true, force: true });
    }
  };

interface Contexts {
  /** 15 steps, and a context of 200 MB of which they need a part. */
  many: string;
  small: string;
  /** 10,000 files. */
  files: string;
  /** One archive of 200 MB. */
  archive: string;
}

function makeContexts(folder: string): Contexts {
  const make = (name: string) => {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const contexts = {
    many: make("many"),
    small: make("small"),
    files: make("files"),
    archive: make("archive"),
  };
  fillMany(contexts.many);
  writeFileSync(join(contexts.small, "Dockerfile"), runs(runSteps));
  writeFileSync(join(contexts.small, "Dockerfile.none"), runs(0));
  writeFileSync(join(contexts.small, "Dockerfile.stages"), stages);
  writeFileSync(join(contexts.small, "Dockerfile.crowd"), `ARG NAME\n${runs(3)}RUN echo $NAME >/name\n`);
  for (let number = 0; number < manyFiles; number++) {
    if (number % 100 === 0)
      mkdirSync(join(contexts.files, "tree", String(number / 100)), { recursive: true });
    const path = join(contexts.files, "tree", String(Math.floor(number / 100)), `${number}.txt`);
    writeFileSync(path, `file ${number}\n`);
  }
  writeFileSync(join(contexts.files, "Dockerfile"), "FROM busybox\nCOPY tree /tree\n");
  writeFileSync(join(contexts.archive, "Dockerfile"), "FROM busybox\nADD big.tar /big\n");
  return contexts;
}

function fillMany(folder: string): void {
  mkdirSync(join(folder, "data"));
  mkdirSync(join(folder, "app"));
  for (let number = 0; number < contextMegabytes; number++)
    writeFileSync(join(folder, "data", `${number}.bin`), randomBytes(1e6));
  for (let number = 0; number < 50; number++)
    writeFileSync(join(folder, "app", `${number}.js`), `export default ${number};\n`);
  const steps = [
    "FROM busybox",
    "LABEL purpose=bench",
    "ENV MODE=production",
    "WORKDIR /srv",
    "RUN mkdir -p /srv/out",
    "RUN echo one >/srv/out/one",
    "RUN echo two >/srv/out/two",
    "COPY data /srv/data",
    "RUN ls /srv/data | wc -l >/srv/out/count",
    "RUN echo three >/srv/out/three",
    "COPY app /srv/app",
    "RUN cat /srv/app/*.js >/srv/out/bundle.js",
    "EXPOSE 80",
    "USER 1000",
    'CMD ["cat", "/srv/out/bundle.js"]',
  ];
  writeFileSync(join(folder, "Dockerfile"), `${steps.join("\n")}\n`);
}

const runs = (count: number) =>
  `FROM busybox\n${Array.from({ length: count }, (_, number) => `RUN echo ${number} >/file${number}\n`).join("")}`;

const stageNames = ["one", "two", "three", "four"];
const stages = [
  ...stageNames.map((name) => `FROM busybox AS ${name}\nRUN echo ${name} >/${name}\nRUN sync /${name}\n`),
  "FROM busybox\n",
  ...stageNames.map((name) => `COPY --from=${name} /${name} /${name}\n`),
].join("");

/** What changes nothing, or one file. */
async function benchRebuilds(builders: Builder[], context: string): Promise<Row[]> {
  for (const builder of builders) await builder.build(context, ["-t", "many"]);
  const change = (builder: Builder, sample: number) =>
    Promise.resolve(
      writeFileSync(join(context, "app", "0.js"), `export default "${builder.name} ${sample}";\n`),
    );
  const work = (builder: Builder) => builder.build(context, ["-t", "many"]);
  return [
    await alternate(builders, {
      ...{ name: `rebuild of 15 steps, all cached, context of ${contextMegabytes} MB`, samples },
      work,
    }),
    await alternate(builders, {
      ...{ name: `rebuild of 15 steps, one file changed, context of ${contextMegabytes} MB`, samples },
      before: change,
      work,
    }),
  ];
}

/** By the older API, where the client sends the whole context each time; the second row is what no engine could save of that. */
async function benchClassic(engines: BenchEngine[], context: string, socket: string): Promise<Row[]> {
  const work = (engine: BenchEngine) => build(engine, context, ["-t", "classic"], { DOCKER_BUILDKIT: "0" });
  for (const engine of engines) await work(engine);
  const row = await alternate(engines, {
    ...{ name: "rebuild of 15 steps by the classic API, all cached", samples },
    before: work,
    work,
  });
  return [row, await benchFloor(engines, context, socket)];
}

async function benchFloor(engines: BenchEngine[], context: string, socket: string): Promise<Row> {
  const stop = await startDiscarder(socket);
  try {
    const nobody = { name: "nobody", host: `unix://${socket}` };
    const { values, ...row } = await alternate([nobody], {
      ...{ name: "the same, to a server that throws the context away", samples },
      work: (engine) => build(engine, context, ["-t", "classic"], { DOCKER_BUILDKIT: "0" }),
    });
    return { ...row, values: Object.fromEntries(engines.map(({ name }) => [name, values.nobody ?? 0])) };
  } finally {
    stop();
  }
}

/** Without a cache: the steps are done. */
async function benchCold(builders: Builder[], { small, files, archive }: Contexts): Promise<Row[]> {
  const cold = (name: string, context: string, words: string[] = []): Promise<Row> => {
    const all = ["--no-cache", "-t", "cold", ...words];
    return alternate(builders, { name, samples, work: (builder) => builder.build(context, all) });
  };
  const none = await cold("build of no step", small, ["-f", join(small, "Dockerfile.none")]);
  const six = await cold(`build of ${runSteps} RUN steps`, small);
  const one: Row = { name: "one RUN step of them", unit: "ms", samples, values: {} };
  for (const { name } of builders)
    one.values[name] = ((six.values[name] ?? 0) - (none.values[name] ?? 0)) / runSteps;
  const inStages = await cold("build of four stages", small, ["-f", join(small, "Dockerfile.stages")]);
  const copied = await cold(`COPY of ${manyFiles} files`, files);
  await writeArchive(join(archive, "big.tar"));
  const added = await cold(`ADD of an archive of ${contextMegabytes} MB`, archive);
  return [six, one, inStages, copied, added];
}

async function writeArchive(path: string): Promise<void> {
  if (existsSync(path)) return;
  const tree = `${path}.tree`;
  mkdirSync(tree);
  for (let number = 0; number < contextMegabytes / 2; number++) {
    const file = openSync(join(tree, `${number}.bin`), "w");
    for (let part = 0; part < 2; part++) writeSync(file, randomBytes(1e6));
    closeSync(file);
  }
  await runCommand("tar", ["-cf", path, "-C", tree, "."]);
  rmSync(tree, { recursive: true });
}

async function diskBytes(engines: BenchEngine[]): Promise<Map<string, number>> {
  const bytes = new Map<string, number>();
  for (const engine of engines) bytes.set(engine.name, await dataBytes(engine));
  return bytes;
}

/** Images, cache, and what is kept of contexts. */
async function measureDisk(engines: BenchEngine[], before: Map<string, number>): Promise<Row> {
  const values: Record<string, number> = {};
  for (const [name, bytes] of await diskBytes(engines))
    values[name] = (bytes - (before.get(name) ?? 0)) / 1e6;
  return { name: "disk for all these builds", unit: "MB", samples: 1, values };
}

async function benchCrowdOfBuilds(engines: BenchEngine[], context: string): Promise<Row[]> {
  const peak: Row = { name: "memory above idle meanwhile (PSS)", unit: "MB", samples: 1, values: {} };
  await pause(quietSeconds * 1000);
  const row = await alternate(engines, {
    name: `${buildsAtOnce} builds at once`,
    samples: 3,
    work: (engine, sample) =>
      watchMemory(engine, peak, () =>
        inParallel(buildsAtOnce, buildsAtOnce, (number) => {
          const name = `NAME=${engine.name}-${sample}-${number}`;
          const words = ["--no-cache", "--build-arg", name, "-t", `crowd${number}`];
          return build(engine, context, [...words, "-f", join(context, "Dockerfile.crowd")]);
        }),
      ),
  });
  for (const engine of engines) await docker(engine, ["image", "prune", "-f"], { discardOutput: true });
  return [row, peak];
}

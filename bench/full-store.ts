import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { containerKind } from "../src/containers/record.ts";
import { paddingAfter } from "../src/formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../src/formats/tar/tar-writer.ts";
import { createLogger } from "../src/logger.ts";
import { openState } from "../src/state/state.ts";
import { startBerth } from "./berth.ts";
import { type BenchEngine, docker } from "./engine.ts";
import { observe, watchLoops } from "./event-loop.ts";
import type { Archives } from "./images.ts";
import { alternate, inParallel, median } from "./measure.ts";
import { cpuMilliseconds, memoryBytes } from "./processes.ts";
import type { Row } from "./results.ts";

const imageCount = 5000;
const containerCount = 10_000;
const starts = 3;
const removedAtOnce = 20;
const restSeconds = 60;

/** What is stored is neither seen nor felt: an engine with thousands of images and stopped containers. */
export async function benchFullStore(folder: string, bundle: string, archives: Archives): Promise<Row[]> {
  const files = join(folder, "full");
  process.env.BERTH_TRACE = "1";
  let engine = await startBerth(files, bundle, { name: "berth-full" });
  try {
    await fill(engine, archives, join(folder, "images.tar"));
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
    const timed = await timeLists(engine, name);
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
      ];
    } finally {
      watched.end();
    }
  } finally {
    delete process.env.BERTH_TRACE;
    await engine.stop();
  }
}

async function timeLists(started: BenchEngine, name: (what: string) => string): Promise<Row[]> {
  const engine = { ...started, name: "berth" };
  const samples = 5;
  return [
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

async function fill(engine: BenchEngine, { busybox }: Archives, path: string): Promise<void> {
  await docker(engine, ["load", "-q", "-i", busybox]);
  writeFileSync(path, makeImages());
  await docker(engine, ["load", "-q", "-i", path], { timeoutSeconds: 600, discardOutput: true });
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const body = (number: number) => {
    const Labels = { number: String(number), "com.example.purpose": "to be there" };
    return { Image: `many/image:${number % imageCount}`, Cmd: ["sleep", "1000"], Labels };
  };
  await inParallel(containerCount, 8, (number) =>
    ask(engine, "POST", `/containers/create?name=c${number}`, { agent, body: body(number) }),
  );
  agent.destroy();
}

/** An archive of images that share one layer. */
function makeImages(): Buffer {
  const layer = Buffer.concat([...member("hello", Buffer.from("hello\n")), archiveEnd]);
  const diffId = `sha256:${createHash("sha256").update(layer).digest("hex")}`;
  const parts = member("layer.tar", layer);
  const list = Array.from({ length: imageCount }, (_, number) => {
    const config = {
      ...{ architecture: process.arch === "x64" ? "amd64" : process.arch, os: "linux" },
      config: { Env: ["PATH=/usr/bin:/bin"], Labels: { number: String(number) } },
      rootfs: { type: "layers", diff_ids: [diffId] },
      history: [{ created: "2026-01-01T00:00:00Z", created_by: "a bench" }],
    };
    parts.push(...member(`config-${number}.json`, Buffer.from(JSON.stringify(config))));
    return {
      Config: `config-${number}.json`,
      RepoTags: [`many/image:${number}`],
      Layers: ["layer.tar"],
    };
  });
  parts.push(...member("manifest.json", Buffer.from(JSON.stringify(list))), archiveEnd);
  return Buffer.concat(parts);
}

function member(name: string, data: Buffer): Buffer[] {
  const sizeBytes = data.length;
  const mtime = { seconds: 1_600_000_000, nanoseconds: 0 };
  const header = encodeEntry({ type: "file", name, mode: 0o644, uid: 0, gid: 0, mtime, sizeBytes });
  return [header, data, Buffer.alloc(paddingAfter(sizeBytes))];
}

/** As if each had run: starting ten thousand would take longer than all the rest. */
function endAll(root: string): void {
  const state = openState(join(root, "berth.db"), createLogger("warn"));
  const records = state.records(containerKind);
  const at = new Date().toISOString();
  state.transaction(() => {
    for (const [id, record] of records.load()) {
      const ended = { Status: "exited" as const, StartedAt: at, FinishedAt: at };
      records.put(id, { ...record, state: { ...record.state, ...ended } });
    }
  });
  state.close();
}

interface Question {
  agent?: Agent;
  body?: unknown;
}

function ask(
  { host }: BenchEngine,
  method: string,
  path: string,
  { agent, body }: Question = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      "Content-Length": Buffer.byteLength(payload),
      ...(payload && { "Content-Type": "application/json" }),
    };
    const socketPath = host.slice("unix://".length);
    const sent = request({ socketPath, method, path, headers, ...(agent && { agent }) }, (answer) => {
      answer.resume().once("end", () => {
        if ((answer.statusCode ?? 500) < 300) resolve();
        else reject(new Error(`${method} ${path}: ${answer.statusCode}`));
      });
    });
    sent.once("error", reject).end(payload);
  });
}

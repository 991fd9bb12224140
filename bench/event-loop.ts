import { spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EventLoopStop } from "../src/sys/event-loop-stops.ts";
import { type BenchEngine, docker, runCommand } from "./engine.ts";
import type { Archives } from "./images.ts";
import { median } from "./measure.ts";
import { enginePids } from "./processes.ts";
import type { Row } from "./results.ts";

const line = "0123456789".repeat(10);
const logMegabytes = 1000;
const inspectsAtOnce = 100;
const samples = 3;
/** Once a second the engine tells how long it stood still. */
const settleMilliseconds = 2500;

/**
 * The longest time, by the median of a few samples, for which the event loops of daemon and supervisor stood still, by what clients
 * and containers do meanwhile. Both get the processor before all others, so that what else the machine does is hardly counted; when
 * it is the machine itself that stands still, a loop tells that has nothing to do.
 * @param engine started with BERTH_TRACE
 */
export async function benchEventLoop(engine: BenchEngine, archives: Archives): Promise<Row[]> {
  const watched = await watchLoops(engine);
  try {
    return await benchAll(watched, archives);
  } finally {
    watched.end();
  }
}

/** @param engine started with BERTH_TRACE */
export async function watchLoops(engine: BenchEngine): Promise<Watched> {
  const idleLog = join(dirname(engine.log), "idle-loop.log");
  const output = openSync(idleLog, "a");
  const idle = spawn(process.execPath, [fileURLToPath(new URL("idle-loop.ts", import.meta.url))], {
    stdio: ["ignore", output, "inherit"],
    env: { ...process.env, BERTH_TRACE: "1" },
  });
  closeSync(output);
  const end = () => void idle.kill();
  try {
    for (const pid of enginePids(engine.initPid)) await prefer(pid);
    // It hardly works at all: real time is granted.
    await runCommand("chrt", ["-a", "-f", "-p", "1", String(idle.pid)]);
  } catch (error) {
    end();
    throw error;
  }
  return { engine, idleLog, end };
}

export interface Watched {
  engine: BenchEngine;
  idleLog: string;
  end(): void;
}

async function benchAll(watched: Watched, { debian }: Archives): Promise<Row[]> {
  const { engine } = watched;
  const writing = `yes ${line} | head -c ${logMegabytes}000000`;
  const unrotated = ["--log-opt", "max-size=10g"];
  await docker(engine, ["load", "-q", "-i", debian]);
  const rows = [
    ...(await observe(watched, "nothing happens", () => pause(5000))),
    ...(await observe(watched, "a container floods its output", async () => {
      await docker(engine, ["run", "-d", "--name", "flood", "busybox", "yes"]);
      await pause(10_000);
      await docker(engine, ["rm", "-f", "flood"]);
    })),
    ...(await observe(watched, `a container writes ${logMegabytes} MB`, async () => {
      await docker(engine, ["rm", "-f", "writer"]);
      await docker(engine, ["run", "--name", "writer", "-d", ...unrotated, "busybox", "sh", "-c", writing]);
      await docker(engine, ["wait", "writer"]);
    })),
    ...(await observe(watched, `\`logs\` of ${logMegabytes} MB`, () =>
      docker(engine, ["logs", "writer"], { discardOutput: true }),
    )),
    ...(await observe(watched, "`save` of a big image", () =>
      docker(engine, ["save", "debian"], { discardOutput: true }),
    )),
    ...(await observe(watched, `ten times ${inspectsAtOnce} \`inspect\` at once`, async () => {
      for (let round = 0; round < 10; round++) await inspectAll(engine, "writer");
    })),
  ];
  await docker(engine, ["rm", "-f", "writer"]);
  await docker(engine, ["rmi", "debian"]);
  return rows;
}

/** For its own threads only, not for what it starts. Not real-time: the kernel makes such threads that work much stand still. */
async function prefer(pid: string): Promise<void> {
  await runCommand("chrt", ["-a", "-R", "-o", "-p", "0", pid]);
  await runCommand("renice", ["-n", "-20", "-p", ...readdirSync(`/proc/${pid}/task`)]);
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export async function observe(
  watched: Watched,
  what: string,
  work: (sample: number) => Promise<unknown>,
): Promise<Row[]> {
  const longest: Longest[] = [];
  for (let sample = 0; sample < samples; sample++)
    longest.push(await longestStops(watched, () => work(sample)));
  const row = (name: string, values: number[]): Row => {
    return { name, unit: "ms", samples, values: { [watched.engine.name]: median(values) } };
  };
  return [
    row(
      `longest stop of an event loop, ${what}`,
      longest.map(({ own }) => own),
    ),
    row(
      "— with what one that has nothing to do stood still in the same moment",
      longest.map(({ inAll }) => inAll),
    ),
  ];
}

/** In milliseconds. */
interface Longest {
  /** Without what another loop stood still in the same moment. */
  own: number;
  inAll: number;
}

async function longestStops({ engine, idleLog }: Watched, work: () => Promise<unknown>): Promise<Longest> {
  const logs = [engine.log, `/proc/${engine.initPid}/root${dirname(engine.log)}/run/supervisor.log`, idleLog];
  await pause(settleMilliseconds);
  const seen = logs.map((path) => readFileSync(path, "utf8").length);
  await work();
  await pause(settleMilliseconds);
  const [daemon = [], supervisor = [], idle = []] = logs.map((path, index) =>
    stopsIn(readFileSync(path, "utf8").slice(seen[index])),
  );
  const ours = [...daemon, ...supervisor];
  return {
    own: Math.max(0, ...ours.map((stop) => stop.blocked - standstill(stop, idle))),
    inAll: Math.max(0, ...ours.map(({ blocked }) => blocked)),
  };
}

function stopsIn(log: string): EventLoopStop[] {
  const lines = log.split("\n").filter((text) => text.includes('"eventLoopStops"'));
  return lines.flatMap((text) => (JSON.parse(text) as { eventLoopStops: EventLoopStop[] }).eventLoopStops);
}

/** For how many milliseconds of one loop's stop another one that has nothing to do stood still as well: the machine did. */
function standstill({ at, late }: EventLoopStop, idle: EventLoopStop[]): number {
  const shared = idle.map((other) => Math.min(at, other.at) - Math.max(at - late, other.at - other.late));
  return shared.reduce((sum, milliseconds) => sum + Math.max(0, milliseconds), 0);
}

function inspectAll(engine: BenchEngine, name: string): Promise<unknown> {
  const agent = new Agent({ maxSockets: inspectsAtOnce });
  const socketPath = engine.host.slice("unix://".length);
  const inspect = () =>
    new Promise((resolve, reject) => {
      const path = `/containers/${name}/json`;
      get({ socketPath, path, agent }, (response) => response.resume().once("end", resolve)).once(
        "error",
        reject,
      );
    });
  return Promise.all(Array.from({ length: inspectsAtOnce }, inspect)).finally(() => agent.destroy());
}

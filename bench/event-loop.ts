import { readdirSync, readFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { dirname } from "node:path";
import { type BenchEngine, docker, runCommand } from "./engine.ts";
import type { Archives } from "./images.ts";
import { enginePids } from "./processes.ts";
import type { Row } from "./results.ts";

const line = "0123456789".repeat(10);
const logMegabytes = 1000;
const inspectsAtOnce = 100;
/** Once a second the engine tells how long it stood still. */
const settleMilliseconds = 2500;

/**
 * The longest time for which the event loops of daemon and supervisor stood still, by what clients and containers do meanwhile.
 * Both get the processor before all others, so that what else the machine does is hardly counted.
 * @param engine started with BERTH_TRACE
 */
export async function benchEventLoop(engine: BenchEngine, { debian }: Archives): Promise<Row[]> {
  for (const pid of enginePids(engine.initPid)) await prefer(pid);
  const writing = `yes ${line} | head -c ${logMegabytes}000000`;
  const unrotated = ["--log-opt", "max-size=10g"];
  await docker(engine, ["load", "-q", "-i", debian]);
  const rows = [
    ...(await observe(engine, "nothing happens", () => pause(5000))),
    ...(await observe(engine, "a container floods its output", async () => {
      await docker(engine, ["run", "-d", "--name", "flood", "busybox", "yes"]);
      await pause(10_000);
      await docker(engine, ["rm", "-f", "flood"]);
    })),
    ...(await observe(engine, `a container writes ${logMegabytes} MB`, async () => {
      await docker(engine, ["run", "--name", "writer", "-d", ...unrotated, "busybox", "sh", "-c", writing]);
      await docker(engine, ["wait", "writer"]);
    })),
    ...(await observe(engine, `\`logs\` of ${logMegabytes} MB`, () =>
      docker(engine, ["logs", "writer"], { discardOutput: true }),
    )),
    ...(await observe(engine, "`save` of a big image", () =>
      docker(engine, ["save", "debian"], { discardOutput: true }),
    )),
    ...(await observe(engine, `ten times ${inspectsAtOnce} \`inspect\` at once`, async () => {
      for (let round = 0; round < 10; round++) await inspectAll(engine, "writer");
    })),
  ];
  await docker(engine, ["rm", "-f", "writer"]);
  await docker(engine, ["rmi", "debian"]);
  return rows;
}

/** For its own threads only, not for what it starts. Not real-time: the kernel makes such threads stand still now and then. */
async function prefer(pid: string): Promise<void> {
  await runCommand("chrt", ["-a", "-R", "-o", "-p", "0", pid]);
  await runCommand("renice", ["-n", "-20", "-p", ...readdirSync(`/proc/${pid}/task`)]);
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function observe(engine: BenchEngine, what: string, work: () => Promise<unknown>): Promise<Row[]> {
  const logs = [engine.log, `/proc/${engine.initPid}/root${dirname(engine.log)}/run/supervisor.log`];
  await pause(settleMilliseconds);
  const seen = logs.map((path) => readFileSync(path, "utf8").length);
  await work();
  await pause(settleMilliseconds);
  const told = logs.flatMap((path, index) => readFileSync(path, "utf8").slice(seen[index]).split("\n"));
  const longest = (name: string): Record<string, number> => {
    const pattern = new RegExp(`"${name}":([\\d.]+)`);
    return { [engine.name]: Math.max(...told.map((text) => Number(pattern.exec(text)?.[1] ?? 0))) };
  };
  const stop: Row = {
    name: `longest stop of an event loop, ${what}`,
    unit: "ms",
    samples: 1,
    values: longest("eventLoopBlocked"),
  };
  const late: Row = { ...stop, name: "— with its waiting for a processor", values: longest("eventLoopLate") };
  return [stop, late];
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

import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { startBerth } from "./berth.ts";
import { callApi } from "./call-api.ts";
import { type BenchEngine, docker } from "./engine.ts";
import type { Archives } from "./images.ts";
import { inParallel } from "./measure.ts";
import { cpuMilliseconds, memoryBytes } from "./processes.ts";
import type { Row } from "./results.ts";

const containerCount = 500;
const probedCount = 200;
/** So that the probes themselves, a runtime each, leave the machine some of its time. */
const probeSeconds = 5;
const connectionCount = 5000;
const followerCount = 500;
const seconds = 30;

/** What many that only look cost an engine: who follows stats, logs and events, who stays connected, and health checks. */
export async function benchWatchers(folder: string, bundle: string, archives: Archives): Promise<Row[]> {
  const engine = await startBerth(join(folder, "watched"), bundle, { name: "berth-watched" });
  try {
    await docker(engine, ["load", "-q", "-i", archives.busybox]);
    const connections = await benchConnections(engine);
    const probes = await benchProbes(engine);
    return [...connections, ...probes, ...(await benchStats(engine))];
  } finally {
    await engine.stop();
  }
}

const row = (name: string, unit: Row["unit"], value: number): Row => ({
  ...{ name, unit, samples: 1 },
  values: { berth: value },
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** In milliseconds of each second. */
async function workOf(engine: BenchEngine): Promise<number> {
  const before = cpuMilliseconds(engine.initPid);
  await pause(seconds * 1000);
  return (cpuMilliseconds(engine.initPid) - before) / seconds;
}

/** @returns what removes them */
async function startMany(
  engine: BenchEngine,
  count: number,
  options: object = {},
): Promise<() => Promise<void>> {
  const ids: string[] = [];
  await inParallel(count, 4, async () => {
    const body = { Image: "busybox", Cmd: ["sleep", "100000"], ...options };
    const { Id } = (await callApi(engine, "POST", "/containers/create", body)) as { Id: string };
    ids.push(Id);
    await callApi(engine, "POST", `/containers/${Id}/start`);
  });
  await pause(5000);
  return () =>
    inParallel(count, 4, (number) => callApi(engine, "DELETE", `/containers/${ids[number]}?force=1`).then());
}

async function benchStats(engine: BenchEngine): Promise<Row[]> {
  const removeAll = await startMany(engine, containerCount);
  const atRest = await workOf(engine);
  const all = (await callApi(engine, "GET", "/containers/json")) as { Id: string }[];
  const followers = await Promise.all(all.map(({ Id }) => follow(engine, `/containers/${Id}/stats`)));
  await pause(3000);
  const followed = await workOf(engine);
  for (const follower of followers) follower.destroy();
  await removeAll();
  return [row(`processor for the stats of ${containerCount} containers`, "%", (followed - atRest) / 10)];
}

async function benchProbes(engine: BenchEngine): Promise<Row[]> {
  const atRest = await workOf(engine);
  const Healthcheck = { Test: ["CMD", "true"], Interval: probeSeconds * 1e9 };
  const removeAll = await startMany(engine, probedCount, { Healthcheck });
  let probes = 0;
  const events = await follow(engine, `/events?filters=${encodeURIComponent('{"event":["exec_die"]}')}`);
  events.on("data", (chunk: Buffer) => {
    probes += chunk.toString().split("\n").length - 1;
  });
  await pause(probeSeconds * 1000);
  const before = probes;
  const worked = await workOf(engine);
  const perSecond = (probes - before) / seconds;
  events.destroy();
  await removeAll();
  return [row("processor for a health check, without the check's own", "ms", (worked - atRest) / perSecond)];
}

async function benchConnections(engine: BenchEngine): Promise<Row[]> {
  const removeAll = await startMany(engine, 10);
  const before = memoryBytes(engine.initPid);
  const idle: Socket[] = [];
  await inParallel(connectionCount, 50, async () => void idle.push(await stayConnected(engine)));
  const [{ Id = "" } = {}] = (await callApi(engine, "GET", "/containers/json")) as { Id?: string }[];
  const followers: IncomingMessage[] = [];
  await inParallel(followerCount, 20, async (number) => {
    const path = number % 2 === 0 ? "/events" : `/containers/${Id}/logs?follow=1&stdout=1`;
    followers.push(await follow(engine, path));
  });
  await pause(20_000);
  const grown = memoryBytes(engine.initPid) - before;
  const work = await workOf(engine);
  for (const one of [...idle, ...followers]) one.destroy();
  await removeAll();
  const name = `${connectionCount} idle connections and ${followerCount} followers`;
  return [
    row(`memory for ${name} (PSS)`, "MB", grown / 1e6),
    row(`processor beside ${name}`, "%", work / 10),
  ];
}

const socketPathOf = ({ host }: BenchEngine) => host.slice("unix://".length);

/** One that has asked once, and keeps its connection. */
async function stayConnected(engine: BenchEngine): Promise<Socket> {
  const socket = connect(socketPathOf(engine));
  await once(socket, "connect");
  socket.write("GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n");
  await once(socket, "data");
  return socket;
}

/** A stream that is read as it comes. */
async function follow(engine: BenchEngine, path: string): Promise<IncomingMessage> {
  const [answer] = await once(get({ socketPath: socketPathOf(engine), path, agent: false }), "response");
  const stream = answer as IncomingMessage;
  if (stream.statusCode !== 200) throw new Error(`${path}: ${stream.statusCode}`);
  return stream.on("error", () => {}).resume();
}

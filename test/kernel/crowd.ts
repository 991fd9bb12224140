import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { Client } from "../../src/client/client.ts";
import { createFrameDecoder } from "../../src/formats/stdcopy.ts";
import { eventually } from "../engine.ts";

/** What the fast ones write before they sleep. */
export const floodLines = 50_000;

const counter = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done";
const flood = `i=0; while [ $i -lt ${floodLines} ]; do i=$((i+1)); echo $i; done; sleep 1000`;
const untilTold = "trap 'exit 6' USR1; while :; do sleep 0.1; done";
const web = "mkdir /w; hostname > /w/name; exec httpd -f -p 80 -h /w";
const port = {
  ExposedPorts: { "80/tcp": {} },
  HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] } },
};

const terminal = { Cmd: ["sh"], Tty: true, OpenStdin: true };
const shell = (script: string, more: object = {}) => ({ Cmd: ["sh", "-c", script], ...more });

/** Twenty of many kinds; the fast writers last, so that they are at it when the others run. */
const bodies: Record<string, object> = {
  steady0: shell(counter),
  steady1: shell(counter),
  steady2: shell(counter),
  standing: shell(counter),
  terminal0: terminal,
  terminal1: terminal,
  terminal2: terminal,
  web0: shell(web, port),
  web1: shell(web, port),
  attached: { Cmd: ["cat"], OpenStdin: true },
  ender: shell(untilTold),
  brief: shell(untilTold, { Volumes: { "/data": {} }, HostConfig: { AutoRemove: true } }),
  phoenix: shell(untilTold, { HostConfig: { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } } }),
  deaf: shell("trap '' TERM; while :; do sleep 0.2; done"),
  keeper: shell(`${counter} > /data/lines`.replace("echo $i", "echo $i >> /data/lines"), {
    HostConfig: { Binds: ["kept:/data"] },
  }),
  alone: { Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: "none" } },
  native: { Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: "host" } },
  idle: { Cmd: ["sleep", "1000"] },
  fast0: shell(flood),
  fast1: shell(flood),
};

/** What ends when it is told to (`tell`). */
export const told = ["ender", "brief", "phoenix"];

export interface Crowd {
  /** Of each, before anything was killed. */
  pids: Record<string, number>;
  /** Where the published ports are. */
  ports: Record<string, number>;
  /** A client's connection with the input and output of "attached". */
  connection: Duplex;
  isConnected(): boolean;
}

/** Starts the twenty, pauses "standing" and attaches to "attached". */
export async function startCrowd(client: Client): Promise<Crowd> {
  const pids: Crowd["pids"] = {};
  const ports: Crowd["ports"] = {};
  for (const [name, body] of Object.entries(bodies)) {
    await client.containers.create({ Image: "busybox", ...body } as never, { name });
    await client.containers.start(name);
    const { State, NetworkSettings } = await client.containers.inspect(name);
    pids[name] = State.Pid;
    const published = NetworkSettings.Ports?.["80/tcp"]?.[0]?.HostPort;
    if (published) ports[name] = Number(published);
  }
  await client.containers.pause("standing");
  const connection = await join(client, "attached");
  let isConnected = true;
  connection.resume();
  connection.once("close", () => {
    isConnected = false;
  });
  return { pids, ports, connection, isConnected: () => isConnected };
}

export async function removeCrowd(client: Client): Promise<void> {
  const names = (await client.containers.list({ all: true })).map(({ Id }) => Id);
  await Promise.all(names.map((id) => client.containers.remove(id, { force: true, volumes: true })));
  await client.volumes.remove("kept", { force: true });
}

/** Tells a container's first process to exit with code 6, and waits until it has. */
export async function tell(pid: number): Promise<void> {
  process.kill(pid, "SIGUSR1");
  await eventually(
    () => hasProcess(pid),
    (exists) => !exists,
  );
}

function hasProcess(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

export async function join(client: Client, name: string): Promise<Duplex> {
  const { socket } = await client.containers.attach(name, { stdin: true, stdout: true, stderr: true });
  socket.on("error", () => {});
  return socket;
}

/** Sends a line to a container's input, and waits until its output shows what is expected. */
export async function converse(client: Client, name: string, line: string, expected: RegExp): Promise<void> {
  const stream = await join(client, name);
  let seen = "";
  const isSeen = new Promise<void>((resolve, reject) => {
    stream.on("data", (chunk: Buffer) => {
      seen += chunk.toString("latin1");
      if (expected.test(seen)) resolve();
    });
    stream.once("close", () => reject(new Error(`${name} showed only ${JSON.stringify(seen)}`)));
  });
  stream.write(line);
  await isSeen;
  stream.destroy();
}

/** A container's log as numbers, one a line. */
export async function readNumbers(client: Client, name: string): Promise<number[]> {
  const chunks: Buffer[] = [];
  const frames = createFrameDecoder((_, chunk) => void chunks.push(Buffer.from(chunk)));
  frames.push(await buffer(await client.containers.logs(name, { stdout: true, stderr: true })));
  const lines = Buffer.concat(chunks).toString().split("\n");
  assert.equal(lines.pop(), "", "the last line is whole");
  return lines.map((line) => (line === "" ? Number.NaN : Number(line)));
}

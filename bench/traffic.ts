import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { callApi } from "./call-api.ts";
import { type BenchEngine, runCommand } from "./engine.ts";
import { median } from "./measure.ts";
import type { Row } from "./results.ts";

const rounds = 5;
const gibibytes = 4;
const connections = 3000;
const serverPort = "5201";
const webPort = "8080";
/** A neighbour of the engine's machine: the machine is the first, the neighbour the second. */
const addresses = ["198.18.0.1", "198.18.0.2"] as const;

/** One engine with a server in a container, a second container, and another host. */
interface Place {
  name: string;
  /** Runs a command in the network namespace of the client, or of the other host. @returns its output */
  client: Run;
  outside: Run;
  /** The server's. */
  address: string;
  close(): Promise<void>;
}

type Run = (...words: string[]) => Promise<string>;

/** Bytes and connections by the kernel's ways: between containers, and from another host to a published port. */
export async function benchTraffic(engines: BenchEngine[]): Promise<Row[]> {
  const places: Place[] = [];
  try {
    for (const engine of engines) places.push(await openPlace(engine));
    const way = `${gibibytes} GiB from container to container`;
    return [
      await measure(places, way, (place) => send(place.client, place.address)),
      await measure(places, `${gibibytes} GiB through a published port`, (place) =>
        send(place.outside, addresses[0]),
      ),
      await measure(places, `${connections} connections through a published port`, ({ outside }) =>
        connect(outside),
      ),
    ];
  } finally {
    for (const place of places) await place.close();
  }
}

async function measure(places: Place[], name: string, work: (place: Place) => Promise<number>): Promise<Row> {
  const taken = new Map(places.map((place) => [place.name, [] as number[]]));
  for (let round = 0; round < rounds; round++)
    for (const place of places) taken.get(place.name)?.push(await work(place));
  const values = Object.fromEntries([...taken].map(([key, list]) => [key, median(list)]));
  return { name, unit: "ms", samples: rounds, values };
}

/** @returns milliseconds until all has been received */
async function send(from: Run, address: string): Promise<number> {
  // It ends with 0 also when it has failed.
  const ask = `iperf3 -J -c ${address} -p ${serverPort} -n ${gibibytes}G`;
  const retry = `for try in $(seq 25); do answer=$(${ask}); case $answer in *sum_received*) echo "$answer"; exit;; esac; sleep 0.2; done; echo "$answer" >&2; exit 1`;
  const { end } = JSON.parse(await from("sh", "-c", retry)) as { end: { sum_received: { seconds: number } } };
  return end.sum_received.seconds * 1000;
}

/** @returns milliseconds, of as many requests, each by a connection of its own */
async function connect(from: Run): Promise<number> {
  const text = await from(
    "ab",
    "-q",
    "-n",
    String(connections),
    "-c",
    "8",
    `http://${addresses[0]}:${webPort}/`,
  );
  const [, failed] = /Failed requests: +(\d+)/.exec(text) ?? [];
  if (failed !== "0") throw new Error(`${failed} connections failed`);
  return Number(/Time taken for tests: +([\d.]+)/.exec(text)?.[1]) * 1000;
}

async function openPlace(engine: BenchEngine): Promise<Place> {
  const bindings = { [`${serverPort}/tcp`]: [{ HostPort: serverPort }], "80/tcp": [{ HostPort: webPort }] };
  const serve = ["sh", "-c", "mkdir -p /w && : >/w/index.html && exec httpd -f -h /w"];
  const server = await start(engine, "server", serve, { PortBindings: bindings });
  const client = await start(engine, "client", ["sleep", "100000"], {});
  // It goes with the engine.
  await server.run("iperf3", "-s", "-D", "-p", serverPort);
  const host = await openHost(engine);
  return {
    name: engine.name,
    ...{ client: client.run, address: server.address, outside: runIn(host.pid ?? 0) },
    async close() {
      host.kill();
      for (const name of ["server", "client"]) await callApi(engine, "DELETE", `/containers/${name}?force=1`);
    },
  };
}

const runIn = (pid: number, prefix: string[] = []): Run => {
  return (...words) => runCommand("nsenter", [...prefix, "-t", String(pid), "-n", ...words]);
};

async function start(engine: BenchEngine, name: string, Cmd: string[], HostConfig: object) {
  const ExposedPorts = { [`${serverPort}/tcp`]: {}, "80/tcp": {} };
  const body = { Image: "busybox", Cmd, ExposedPorts, HostConfig };
  await callApi(engine, "POST", `/containers/create?name=${name}`, body);
  await callApi(engine, "POST", `/containers/${name}/start`);
  const { State, NetworkSettings } = (await callApi(engine, "GET", `/containers/${name}/json`)) as {
    State: { Pid: number };
    NetworkSettings: { Networks: { bridge: { IPAddress: string } } };
  };
  // Its number is that of the engine's own namespace.
  const there = ["-t", String(engine.initPid), "-p", "-m", "--", "nsenter"];
  return { run: runIn(State.Pid, there), address: NetworkSettings.Networks.bridge.IPAddress };
}

/** Another host on a link to the engine's machine. @returns a process that runs there */
async function openHost({ initPid }: BenchEngine): Promise<ChildProcess> {
  const host = spawn("unshare", ["--net", "sh", "-c", "echo; exec sleep 100000"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(host.stdout, "data");
  const [machine, neighbour] = [runIn(initPid), runIn(host.pid ?? 0)];
  await machine(
    "ip",
    "link",
    "add",
    "out0",
    "type",
    "veth",
    "peer",
    "name",
    "out1",
    "netns",
    String(host.pid),
  );
  for (const [number, run] of [machine, neighbour].entries()) {
    await run("ip", "addr", "add", `${addresses[number]}/24`, "dev", `out${number}`);
    await run("ip", "link", "set", `out${number}`, "up");
  }
  return host;
}

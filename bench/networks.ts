import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callApi } from "./call-api.ts";
import { benchCrowdedNetworks } from "./crowded-networks.ts";
import { type BenchEngine, runCommand } from "./engine.ts";
import { alternate, type Bench, median } from "./measure.ts";
import type { Row } from "./results.ts";

/** Networks: made and removed, started in, connected to, published from, and asked for names. Over the API, without a client's own time. */
export const benchNetworks: Bench = async (engines) => {
  for (const engine of engines) await callApi(engine, "POST", "/networks/create", { Name: "bench" });
  const rows = [
    await alternate(engines, {
      name: "network create and remove",
      samples: 20,
      work: async (engine, sample) => {
        await callApi(engine, "POST", "/networks/create", { Name: `n${sample}` });
        await callApi(engine, "DELETE", `/networks/n${sample}`);
      },
    }),
    await benchStart(engines, "start on the default bridge", { NetworkMode: "bridge" }),
    await benchStart(engines, "start in a user network", { NetworkMode: "bench" }),
    await benchStart(engines, "start with 100 published ports", { NetworkMode: "bridge", ...ports(100) }, 5),
  ];
  const [mine] = engines;
  if (mine)
    rows.push(
      await benchStart(
        [mine],
        "start with 1000 published ports",
        { NetworkMode: "bridge", ...ports(1000) },
        5,
      ),
    );
  for (const engine of engines) await run(engine, "one", { NetworkMode: "bench" });
  rows.push(
    await alternate(engines, {
      name: "connect and disconnect of a running container",
      samples: 20,
      work: async (engine) => {
        await callApi(engine, "POST", "/networks/bridge/connect", { Container: "one" });
        await callApi(engine, "POST", "/networks/bridge/disconnect", { Container: "one" });
      },
    }),
    ...(await benchNames(engines)),
  );
  for (const engine of engines) {
    await callApi(engine, "DELETE", "/containers/one?force=1");
    await callApi(engine, "DELETE", "/networks/bench");
  }
  if (mine) rows.push(...(await benchCrowdedNetworks(mine)));
  return rows;
};

function benchStart(engines: BenchEngine[], name: string, hostConfig: object, samples = 20): Promise<Row> {
  const ExposedPorts = "PortBindings" in hostConfig ? keysOf(hostConfig.PortBindings as object) : {};
  return alternate(engines, {
    name,
    samples,
    before: (engine) =>
      callApi(engine, "POST", "/containers/create?name=started", {
        ...{ Image: "busybox", Cmd: ["sleep", "100000"], ExposedPorts, HostConfig: hostConfig },
      }),
    work: (engine) => callApi(engine, "POST", "/containers/started/start"),
    after: (engine) => callApi(engine, "DELETE", "/containers/started?force=1"),
  });
}

async function run(engine: BenchEngine, name: string, HostConfig: object): Promise<void> {
  await callApi(engine, "POST", `/containers/create?name=${name}`, {
    Image: "busybox",
    Cmd: ["sleep", "100000"],
    HostConfig,
  });
  await callApi(engine, "POST", `/containers/${name}/start`);
}

const firstPort = 20_000;

function ports(count: number) {
  const bindings = Array.from({ length: count }, (_, index) => [
    `${firstPort + index}/tcp`,
    [{ HostPort: String(firstPort + index) }],
  ]);
  return { PortBindings: Object.fromEntries(bindings) };
}

const keysOf = (object: object) => Object.fromEntries(Object.keys(object).map((key) => [key, {}]));

const rounds = 3;

/** dnsperf beside the container, 50 questions under way: how many are answered, and how long they take. */
async function benchNames(engines: BenchEngine[]): Promise<Row[]> {
  const questions = join(tmpdir(), `berth-bench-questions-${process.pid}`);
  writeFileSync(questions, "one A\n");
  const answered: Row = {
    name: "1000 names answered, 50 under way",
    unit: "ms",
    samples: rounds,
    values: {},
  };
  const waited: Row = {
    name: "average time of an answer, 50 under way",
    unit: "ms",
    samples: rounds,
    values: {},
  };
  const taken = new Map(engines.map(({ name }) => [name, [] as { rate: number; milliseconds: number }[]]));
  for (let round = 0; round < rounds; round++) {
    for (const engine of engines) {
      const { State } = (await callApi(engine, "GET", "/containers/one/json")) as { State: { Pid: number } };
      const there = [
        "-t",
        String(engine.initPid),
        "-p",
        "-m",
        "--",
        "nsenter",
        "-t",
        String(State.Pid),
        "-n",
      ];
      const text = await runCommand("nsenter", [
        ...there,
        ...["dnsperf", "-s", "127.0.0.11", "-d", questions, "-l", "4", "-c", "4", "-q", "50"],
      ]);
      taken.get(engine.name)?.push({
        rate: Number(/Queries per second: +([\d.]+)/.exec(text)?.[1]),
        milliseconds: Number(/Average Latency \(s\): +([\d.]+)/.exec(text)?.[1]) * 1000,
      });
    }
  }
  rmSync(questions);
  for (const [name, list] of taken) {
    answered.values[name] = 1e6 / median(list.map(({ rate }) => rate));
    waited.values[name] = median(list.map(({ milliseconds }) => milliseconds));
  }
  return [answered, waited];
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { timeEcho } from "./echo.ts";
import { type BenchEngine, docker } from "./engine.ts";
import { alternate, type Bench } from "./measure.ts";
import type { Row } from "./results.ts";

const sizeMegabytes = 1000;
const line = "0123456789".repeat(10);
/** Of whole lines: what is cut off would be one with what comes later. */
const lineCount = Math.floor((sizeMegabytes * 1_000_000) / (line.length + 1));

/** A container that writes much: its log, and whether others notice. */
export const benchLogs: Bench = async (engines) => {
  const again = "if [ -e /done ]; then echo again; exec sleep 100000; fi";
  const script = `${again}; yes ${line} | head -n ${lineCount}; touch /done`;
  const written = await alternate(engines, {
    name: `a container writes ${sizeMegabytes} MB`,
    samples: 1,
    work: (engine) =>
      docker(engine, [
        "run",
        "-d",
        "--name",
        "writer",
        "--log-opt",
        "max-size=10g",
        "busybox",
        "sh",
        "-c",
        script,
      ]).then(() => docker(engine, ["wait", "writer"])),
  });
  const read = await alternate(engines, {
    name: `\`logs\` of ${sizeMegabytes} MB`,
    samples: 1,
    work: (engine) => docker(engine, ["logs", "writer"], { discardOutput: true }),
  });
  const ends = await timeEnds(engines);
  for (const engine of engines) {
    await docker(engine, ["rm", "-f", "writer"]);
    await docker(engine, ["run", "-d", "--name", "quiet", "busybox", "sleep", "100000"]);
  }
  const work = { samples: 20 };
  const idlePs = await alternate(engines, {
    ...work,
    name: "`ps`, nothing else",
    work: (engine) => docker(engine, ["ps"]),
  });
  const idleExec = await alternate(engines, {
    ...work,
    name: "`exec`, nothing else",
    work: (engine) => docker(engine, ["exec", "quiet", "true"]),
  });
  const idleEcho = await timeEcho(engines, "a line through `attach` and back, nothing else");
  const flooded = [idlePs, idleExec, idleEcho].map((row) => ({
    ...row,
    name: row.name.replace("nothing else", "beside a container that floods its output"),
    values: {} as Record<string, number>,
  }));
  // One engine after the other: two floods at once would measure the machine.
  for (const engine of engines) {
    const limits = ["--log-opt", "max-size=20m", "--log-opt", "max-file=5"];
    await docker(engine, ["run", "-d", "--name", "flood", ...limits, "busybox", "yes", line]);
    const ps = await alternate([engine], { ...work, name: "", work: () => docker(engine, ["ps"]) });
    const exec = await alternate([engine], {
      ...work,
      name: "",
      work: () => docker(engine, ["exec", "quiet", "true"]),
    });
    Object.assign(flooded[0]?.values ?? {}, ps.values);
    Object.assign(flooded[1]?.values ?? {}, exec.values);
    const echo = await timeEcho([engine], "");
    Object.assign(flooded[2]?.values ?? {}, echo.values);
    await docker(engine, ["rm", "-f", "flood", "quiet"]);
  }
  return [written, read, ...ends, idlePs, idleExec, idleEcho, ...flooded];
};

/** What people look for in a long log: its end, and what came after a moment. The container goes on, with one line more. */
async function timeEnds(engines: BenchEngine[]): Promise<Row[]> {
  const since = new Map<string, string>();
  for (const engine of engines) {
    await docker(engine, ["start", "writer"]);
    since.set(engine.name, await docker(engine, ["inspect", "-f", "{{.State.StartedAt}}", "writer"]));
  }
  const tail = await alternate(engines, {
    name: `\`logs --tail 10 -f\` of ${sizeMegabytes} MB, until its tenth line`,
    samples: 10,
    work: (engine) => readLines(engine, ["logs", "--tail", "10", "-f", "writer"], 10),
  });
  const later = await alternate(engines, {
    name: `\`logs --since\` of ${sizeMegabytes} MB, the last line`,
    samples: 5,
    work: async (engine) => {
      const said = await docker(engine, ["logs", "--since", since.get(engine.name) ?? "", "writer"]);
      if (said !== "again") throw new Error(`logs --since has ${said.length} characters`);
    },
  });
  return [tail, later];
}

/** Ends the command once it has printed so many lines. */
async function readLines(engine: BenchEngine, words: string[], count: number): Promise<void> {
  const child = spawn("docker", words, {
    env: { ...process.env, DOCKER_HOST: engine.host, DOCKER_CONFIG: "/nonexistent" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let lines = 0;
  for await (const part of child.stdout as AsyncIterable<Buffer>) {
    lines += part.toString("latin1").split("\n").length - 1;
    if (lines >= count) break;
  }
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
  if (lines < count) throw new Error(`${words.join(" ")} ended after ${lines} lines`);
}

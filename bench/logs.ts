import { timeEcho } from "./echo.ts";
import { docker } from "./engine.ts";
import { alternate, type Bench } from "./measure.ts";

const sizeMegabytes = 1000;
const line = "0123456789".repeat(10);

/** A container that writes much: its log, and whether others notice. */
export const benchLogs: Bench = async (engines) => {
  const script = `yes ${line} | head -c ${sizeMegabytes}000000`;
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
  for (const engine of engines) {
    await docker(engine, ["rm", "writer"]);
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
  return [written, read, idlePs, idleExec, idleEcho, ...flooded];
};

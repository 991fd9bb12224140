import { docker } from "./engine.ts";
import { alternate, type Bench } from "./measure.ts";

/** One container at a time: run to the end, exec, remove. */
export const benchRun: Bench = async (engines) => {
  const rows = [
    await alternate(engines, {
      name: "`run --rm busybox true`",
      samples: 25,
      work: (engine) => docker(engine, ["run", "--rm", "busybox", "true"]),
    }),
    await alternate(engines, {
      name: "`run --rm --network none busybox true`",
      samples: 25,
      work: (engine) => docker(engine, ["run", "--rm", "--network", "none", "busybox", "true"]),
    }),
  ];
  for (const engine of engines) {
    await docker(engine, ["run", "-d", "--name", "one", "busybox", "sleep", "100000"]);
  }
  rows.push(
    await alternate(engines, {
      name: "`exec one true`",
      samples: 25,
      work: (engine) => docker(engine, ["exec", "one", "true"]),
    }),
    await alternate(engines, {
      name: "`run -d busybox sleep`",
      samples: 25,
      work: (engine, sample) =>
        docker(engine, ["run", "-d", "--name", `s${sample}`, "busybox", "sleep", "100000"]),
    }),
    await alternate(engines, {
      name: "`rm -f` of one running",
      samples: 25,
      work: (engine, sample) => docker(engine, ["rm", "-f", `s${sample}`]),
    }),
    await alternate(engines, {
      name: "`ps`, 1 container",
      samples: 25,
      work: (engine) => docker(engine, ["ps"]),
    }),
  );
  for (const engine of engines) await docker(engine, ["rm", "-f", "one"]);
  return rows;
};

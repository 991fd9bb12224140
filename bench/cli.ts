import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BenchEngine, runCommand } from "./engine.ts";
import { alternate } from "./measure.ts";
import type { Row } from "./results.ts";

/** Our own command line's start-up beside Node's own. The columns are programs here, not engines. */
export async function benchCli(engine: BenchEngine, bundle: string): Promise<Row[]> {
  const environment = { BERTH_HOST: engine.host, DOCKER_HOST: engine.host, DOCKER_CONFIG: "/nonexistent" };
  const launcher = fileURLToPath(new URL("../berth", import.meta.url));
  const run = (program: string, words: string[]) => () => runCommand(program, words, { environment });
  const programs = [
    { name: "`node -e 0`", run: run(process.execPath, ["-e", "0"]) },
    { name: "`berth ps`, the bundle", run: run(process.execPath, [join(bundle, "cli/main.js"), "ps"]) },
    { name: "`./berth ps`, by the launcher", run: run(launcher, ["ps"]) },
    { name: "`docker ps`", run: run("docker", ["ps"]) },
  ];
  const { values } = await alternate(programs, { name: "", samples: 25, work: (program) => program.run() });
  return programs.map(({ name }) => {
    return { name, unit: "ms", samples: 25, values: { berth: values[name] ?? Number.NaN } };
  });
}

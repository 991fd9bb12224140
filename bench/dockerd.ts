import { type BenchEngine, launch, runCommand } from "./engine.ts";

/** The machine's own dockerd, when it is installed. */
export async function startDockerd(folder: string): Promise<BenchEngine | undefined> {
  const words = await runCommand("dockerd", ["--version"]).catch(() => undefined);
  if (words === undefined) return undefined;
  const cgroupParent = "/dockerd-bench";
  const flags = `--data-root ${folder}/data --exec-root ${folder}/run --pidfile ${folder}/pid`;
  return launch({
    name: "dockerd",
    version: /version ([^,]+)/.exec(words)?.[1] ?? words,
    folder,
    cgroupParent,
    script: `dockerd ${flags} --cgroup-parent ${cgroupParent} --log-level error -H unix://${folder}/engine.sock`,
  });
}

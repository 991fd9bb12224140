import { existsSync } from "node:fs";
import { join } from "node:path";
import { type BenchEngine, launch, runCommand } from "./engine.ts";

/** Where `scripts/peers.sh get` has put a current one; undefined for the machine's own. */
const peer = process.env.BENCH_PEER || undefined;

/** A current dockerd with its containerd, or else the machine's own. Undefined where there is none. */
export async function startDockerd(folder: string): Promise<BenchEngine | undefined> {
  const root = peer === undefined ? "" : join(peer, "root");
  if (root !== "" && !existsSync(root))
    throw new Error(`no docker in ${peer}: run scripts/peers.sh get ${peer} first`);
  const program = root === "" ? "dockerd" : `${root}/usr/sbin/dockerd`;
  const words = await runCommand(program, ["--version"]).catch(() => undefined);
  if (words === undefined) return undefined;
  const cgroupParent = "/dockerd-bench";
  const flags = `--data-root ${folder}/data --exec-root ${folder}/run --pidfile ${folder}/pid`;
  const path = root === "" ? "" : `env PATH=${root}/usr/bin:${root}/usr/sbin:${process.env.PATH} `;
  return launch({
    name: "dockerd",
    version: /version ([^,]+)/.exec(words)?.[1] ?? words,
    folder,
    cgroupParent,
    script: `${path}${program} ${flags} --cgroup-parent ${cgroupParent} --log-level error -H unix://${folder}/engine.sock`,
  });
}

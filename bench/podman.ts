import { type BenchEngine, launch, runCommand } from "./engine.ts";

/** podman behind its Docker-compatible socket, when it is installed. */
export async function startPodman(folder: string): Promise<BenchEngine | undefined> {
  const words = await runCommand("podman", ["--version"]).catch(() => undefined);
  if (words === undefined) return undefined;
  const flags = `--root ${folder}/data --runroot ${folder}/run --tmpdir ${folder}/tmp --cgroup-manager cgroupfs`;
  return launch({
    name: "podman",
    version: words.replace("podman version ", ""),
    folder,
    cgroupParent: "/libpod_parent",
    script: `podman ${flags} system service --time 0 unix://${folder}/engine.sock`,
  });
}

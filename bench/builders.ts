import { rmSync } from "node:fs";
import { join } from "node:path";
import { type BenchEngine, type CommandOptions, runCommand } from "./engine.ts";

/** The docker with buildx, which `scripts/peers.sh get` has put beside the dockerd. */
const peer = process.env.BENCH_PEER || undefined;

/** What builds images from a context and flags that all of them know. */
export interface Builder {
  name: string;
  build(context: string, flags: string[]): Promise<unknown>;
}

export const byDocker = (engine: BenchEngine): Builder => ({
  name: engine.name,
  build: (context, flags) => build(engine, context, flags),
});

/** @throws Error when it fails, or there is no such docker */
export function build(
  engine: Pick<BenchEngine, "host">,
  context: string,
  words: string[],
  environment: Record<string, string> = {},
): Promise<string> {
  if (peer === undefined) throw new Error("builds are measured with the docker of scripts/peers.sh only");
  const options: CommandOptions = {
    discardOutput: true,
    timeoutSeconds: 300,
    environment: { DOCKER_HOST: engine.host, BUILDKIT_PROGRESS: "plain", ...environment },
  };
  return runCommand(join(peer, "docker"), ["build", "-q", ...words, context], options);
}

/**
 * `buildah bud --layers` on a store of its own, when it is installed. It has no daemon: each command has mounts of its own and, as there
 * is nothing that would set up a network for it, the machine's network. On a hybrid host the v2 hierarchy is hidden, which its crun refuses.
 */
export async function startBuildah(
  folder: string,
  busyboxArchive: string,
): Promise<(Builder & { remove(): void }) | undefined> {
  const isInstalled = await runCommand("buildah", ["--version"]).then(
    () => true,
    () => false,
  );
  if (!isInstalled) return undefined;
  const store = [
    "--root",
    join(folder, "data"),
    "--runroot",
    join(folder, "run"),
    "--storage-driver",
    "overlay",
  ];
  const script = 'umount -l /sys/fs/cgroup/unified 2>/dev/null; exec buildah "$@"';
  const buildah = (command: string[], options: CommandOptions) =>
    runCommand("unshare", ["--mount", "sh", "-c", script, "sh", ...store, ...command], options);
  await buildah(["pull", "-q", `docker-archive:${busyboxArchive}`], { discardOutput: true });
  const common = ["--layers", "--isolation", "oci", "--runtime", "crun", "--network", "host"];
  return {
    name: "buildah",
    build: (context, flags) =>
      buildah(["bud", "-q", ...common, ...flags, context], { discardOutput: true, timeoutSeconds: 300 }),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }),
  };
}

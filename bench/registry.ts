import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BenchEngine, docker, runCommand } from "./engine.ts";
import { alternate, type Bench, median } from "./measure.ts";
import type { Row } from "./results.ts";
import { watchMemory } from "./watch-memory.ts";

const host = "127.0.0.1:5555";
const emptyHost = "127.0.0.1:5556";
const layerCount = 20;
const names = { many: `${host}/many:1`, one: `${host}/one:1` };
const samples = 3;

/** Debian's docker-registry on a folder, in the network namespace of an engine. */
interface RegistryProcess {
  stop(): Promise<void>;
}

async function startRegistry(engine: BenchEngine, folder: string, address = host): Promise<RegistryProcess> {
  mkdirSync(folder, { recursive: true });
  const config = `${folder}.yml`;
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${folder}}}\nhttp: {addr: "${address}"}\n`,
  );
  const inside = ["-t", String(engine.initPid), "-n"];
  const child = spawn("nsenter", [...inside, "docker-registry", "serve", config], { stdio: "ignore" });
  for (let tries = 0; ; tries++) {
    const isUp = await runCommand("nsenter", [...inside, "curl", "-sf", `http://${address}/v2/`])
      .then(() => true)
      .catch(() => false);
    if (isUp) return { stop: () => end(child) };
    if (tries === 100) throw new Error("docker-registry did not start");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}

/**
 * Pulls and pushes through Debian's docker-registry on loopback: an image of one layer of 170 MB, and one of twenty more. skopeo
 * copies into a folder and unpacks nothing.
 * @param folder where the registry's content of an earlier run is found again
 */
export const benchRegistry =
  (debian: string, folder: string): Bench =>
  async (engines) => {
    const storage = join(folder, "registry");
    const [first] = engines;
    if (!first) return [];
    if (!existsSync(storage)) await fill(first, debian, storage);
    const registries = await Promise.all(
      engines.map((engine, number) => share(engine, storage, join(folder, `shared-${number}`))),
    );
    try {
      return [...(await benchPull(engines, folder)), ...(await benchPush(engines, folder))];
    } finally {
      for (const registry of registries) await registry.stop();
    }
  };

/** One content for all, each with a server of its own in front of it. */
async function share(engine: BenchEngine, storage: string, link: string): Promise<RegistryProcess> {
  rmSync(link, { recursive: true, force: true });
  await runCommand("cp", ["-al", storage, link]);
  const registry = await startRegistry(engine, link);
  return {
    async stop() {
      await registry.stop();
      rmSync(link, { recursive: true, force: true });
    },
  };
}

/** Has an engine pull the image of many layers: 118 MB compressed. */
export async function pullMany(engine: BenchEngine, debian: string, folder: string): Promise<void> {
  const storage = join(folder, "registry");
  if (!existsSync(storage)) await fill(engine, debian, storage);
  const registry = await share(engine, storage, join(folder, "shared"));
  try {
    await docker(engine, ["pull", "-q", names.many]);
  } finally {
    await registry.stop();
  }
}

/** Makes the images with an engine and leaves what it pushes. */
async function fill(engine: BenchEngine, debian: string, storage: string): Promise<void> {
  const registry = await startRegistry(engine, `${storage}.new`);
  try {
    await docker(engine, ["load", "-q", "-i", debian]);
    // A new image of the same files: what was loaded is pushed as it came, and that is uncompressed.
    const rootfs = `${storage}.tar`;
    await docker(engine, ["create", "--name", "maker", "debian", "true"]);
    await docker(engine, ["export", "-o", rootfs, "maker"]);
    await docker(engine, ["rm", "maker"]);
    await docker(engine, ["import", rootfs, names.one]);
    rmSync(rootfs);
    await docker(engine, ["push", "-q", names.one]);
    await docker(engine, ["tag", names.one, "growing"]);
    for (let layer = 0; layer < layerCount; layer++) {
      const choose = `find . -xdev -type f -size -2M | sort | awk 'NR % ${layerCount} == ${layer}' | head -n 700`;
      const script = `mkdir /copy${layer} && cd /host && ${choose} | tar -cf - -T - | tar -xf - -C /copy${layer}`;
      await docker(engine, ["run", "--name", "maker", "-v", "/usr:/host:ro", "growing", "sh", "-c", script]);
      await docker(engine, ["commit", "maker", "growing"]);
      await docker(engine, ["rm", "maker"]);
    }
    await docker(engine, ["tag", "growing", names.many]);
    await docker(engine, ["push", "-q", names.many], { timeoutSeconds: 600 });
    await docker(engine, ["rmi", "-f", "growing", "debian", names.many, names.one]);
  } finally {
    await registry.stop();
  }
  renameSync(`${storage}.new`, storage);
}

async function benchPull(engines: BenchEngine[], folder: string): Promise<Row[]> {
  const rows: Row[] = [];
  const peak: Row = { name: "memory above idle while pulling (PSS)", unit: "MB", samples: 1, values: {} };
  for (const [what, image] of [
    [`${layerCount + 1} layers`, names.many],
    ["one layer of 170 MB", names.one],
  ] as const) {
    const row = await alternate(engines, {
      name: `\`pull\` of ${what}`,
      samples,
      work: (engine) => watchMemory(engine, peak, () => docker(engine, ["pull", "-q", image])),
      after: (engine) => docker(engine, ["rmi", "-f", image]),
    });
    row.values.skopeo = await timeSkopeo(engines[0] as BenchEngine, image, join(folder, "copied"));
    rows.push(row);
  }
  return [...rows, peak];
}

async function timeSkopeo(engine: BenchEngine, image: string, target: string): Promise<number> {
  const taken: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const words = ["-t", String(engine.initPid), "-n", "skopeo", "copy", "-q", "--src-tls-verify=false"];
    const begun = performance.now();
    await runCommand("nsenter", [...words, `docker://${image}`, `dir:${target}`]);
    taken.push(performance.now() - begun);
    rmSync(target, { recursive: true });
  }
  return median(taken);
}

/** Each push goes to a registry that has nothing yet. */
async function benchPush(engines: BenchEngine[], folder: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [what, image] of [
    [`${layerCount + 1} layers`, names.many],
    ["one layer of 170 MB", names.one],
  ] as const) {
    for (const engine of engines) await docker(engine, ["pull", "-q", image]);
    const target = image.replace(host, emptyHost);
    for (const engine of engines) await docker(engine, ["tag", image, target]);
    const running = new Map<string, RegistryProcess>();
    rows.push(
      await alternate(engines, {
        name: `\`push\` of ${what}`,
        samples: 3,
        before: async (engine) => {
          const empty = join(folder, `empty-${engine.name}`);
          rmSync(empty, { recursive: true, force: true });
          running.set(engine.name, await startRegistry(engine, empty, emptyHost));
        },
        work: (engine) => docker(engine, ["push", "-q", target]),
        after: async (engine) => running.get(engine.name)?.stop(),
      }),
    );
    for (const engine of engines) await docker(engine, ["rmi", "-f", image, target]);
  }
  return rows;
}

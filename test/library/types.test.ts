import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";

const root = join(import.meta.dirname, "../..");
let folder: string;

/** A stranger's project that has the package as npm would unpack it, and the strictest settings. */
before(() => {
  folder = mkdtempSync(join(tmpdir(), "berth-consumer-"));
  const installed = join(folder, "node_modules/berth-engine");
  mkdirSync(installed, { recursive: true });
  cpSync(join(root, "package.json"), join(installed, "package.json"));
  cpSync(join(root, "dist"), join(installed, "dist"), {
    recursive: true,
    filter: (path) => !path.endsWith(".js.map"),
  });
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const name of ["@types/node", ...Object.keys(dependencies)]) {
    const link = join(folder, "node_modules", name);
    mkdirSync(join(link, ".."), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
  const compilerOptions = {
    ...{ target: "es2024", lib: ["es2024", "esnext.disposable"], module: "nodenext", types: ["node"] },
    ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true },
    ...{ skipLibCheck: false, noEmit: true },
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
});
after(() => rmSync(folder, { recursive: true }));

function compile(source: string): string {
  writeFileSync(join(folder, "index.ts"), source);
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync(process.execPath, [compiler, "-p", folder], { encoding: "utf8" });
  return stdout.replaceAll(folder, "");
}

it("the README's example compiles in a strict project", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, example = ""] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  assert.match(example, /createEngine/);
  assert.equal(compile(example), "");
});

it("a client's whole surface has types, and refuses what is none of it", () => {
  const source = `
    import { ApiError, connect, createEngine, type Client, type Engine, type EngineConfig } from "berth-engine";
    const config: Partial<EngineConfig> = { root: "/a", execRoot: "/b", runtimes: { crun: "/usr/bin/crun" } };
    export async function use(engine: Engine): Promise<string> {
      const client: Client = engine;
      const { Id } = await client.containers.create({
        Image: "busybox",
        Cmd: ["true"],
        HostConfig: { Memory: 1 << 26, PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] } },
      });
      const { Config, HostConfig, State } = await client.containers.inspect(Id);
      const memory: number = HostConfig.Memory;
      const health: string[] | undefined = Config.Healthcheck?.Test;
      const status: "running" | string = State.Status;
      return [memory, health, status, (await client.volumes.create({ Name: "v" })).Mountpoint].join();
    }
    try { await use(await createEngine(config)); } catch (error) { if (error instanceof ApiError) console.log(error.status); }
    await use(await createEngine());
    console.log((await (await connect({ host: "tcp://127.0.0.1:1" })).version()).ApiVersion);
  `;
  assert.equal(compile(source), "");
  assert.match(compile(source.replace("Memory: 1 << 26", 'Memory: "64m"')), /TS2322/);
  assert.match(compile(source.replace("Image:", "Imagee:")), /TS2561|TS2353/);
});

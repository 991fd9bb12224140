import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startDockerRegistry } from "../distribution/fixtures.ts";
import { eventually, output, startEngine, type TestEngine } from "../engine.ts";
import { newestDocker, useDocker } from "./docker-client.ts";

const epoch = 1_700_000_000;

/** Of a folder that may go meanwhile. */
function readOrNone(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

describe("a build with SOURCE_DATE_EPOCH", () => {
  const [one, other] = [{} as TestEngine, {} as TestEngine];
  const clients = [useDocker(one), useDocker(other)];
  const registry = {} as Awaited<ReturnType<typeof startDockerRegistry>>;
  before(async () => {
    Object.assign(registry, await startDockerRegistry());
    for (const engine of [one, other]) Object.assign(engine, await startEngine());
    await output(one.berth, ["image", "make", "busybox"]);
    await output(one.berth, ["tag", "busybox", `${registry.host}/base`]);
    await output(one.berth, ["push", `${registry.host}/base`]);
    // Both have it as the registry gives it.
    await output(one.berth, ["rmi", "busybox", `${registry.host}/base`]);
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    for (const engine of [one, other]) await engine.stop();
  });

  /** Files of another age each time. */
  function project(at: 0 | 1, name: string): string {
    const place = clients[at]!.context(name, {
      Dockerfile: `FROM ${registry.host}/base
WORKDIR /new/work
COPY --chown=3:4 a b /there/
RUN ln /there/a /there/linked && ln -s a /there/symbolic && rm -r /new && mkdir -p /new/again && mkfifo /fifo
COPY --link a /own/a
WORKDIR /
LABEL x=y
`,
      a: "a",
      b: "b",
    });
    const old = new Date((epoch - 1000) * 1000);
    utimesSync(join(place, "b"), old, old);
    return place;
  }
  async function build(at: 0 | 1, name: string, output: string, ...words: string[]) {
    const { run } = clients[at]!;
    const date = `SOURCE_DATE_EPOCH=${epoch}`;
    const place = project(at, name);
    const built = await run("build", "--no-cache", "--build-arg", date, "-o", output, ...words, place);
    assert.equal(built.code, 0, built.stderr);
    return built;
  }
  const hashOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
  const idOf = (engine: TestEngine) => output(engine.berth, ["image", "inspect", "-f", "{{.Id}}", "app"]);

  it("and rewrite-timestamp gives the same image twice, on two engines", async () => {
    const ids = [];
    for (const [engine, at, name] of [
      [one, 0, "first"],
      [one, 0, "again"],
      [other, 1, "elsewhere"],
    ] as const) {
      await build(at, name, "type=image,name=app,rewrite-timestamp=true");
      ids.push(await idOf(engine));
      const look = [
        "run",
        "--rm",
        "app",
        "stat",
        "-c",
        "%Y",
        "/there/a",
        "/there/b",
        "/there",
        "/new",
        "/own",
      ];
      const times = (await output(engine.berth, look)).split("\n").map(Number);
      assert.deepEqual(times, [epoch, epoch - 1000, epoch, epoch, epoch]);
    }
    assert.deepEqual([ids[1], ids[2]], [ids[0], ids[0]]);
    const created = await output(one.berth, ["image", "inspect", "-f", "{{.Created}}", "app"]);
    assert.equal(created, new Date(epoch * 1000).toISOString().replace(".000Z", "Z"));
  });

  it("that is given up while its layers are rewritten leaves none of them", async () => {
    const place = clients[0]!.context("many", {
      Dockerfile: `FROM ${registry.host}/base\nRUN mkdir /d && cd /d && seq 20000 | xargs touch\n`,
    });
    const words = ["build", "--build-arg", `SOURCE_DATE_EPOCH=${epoch}`, place, "-o"];
    // So that there is nothing but the rewriting to be done.
    assert.equal((await clients[0]!.run(...words, "type=image,name=many")).code, 0);
    const output = "type=image,name=rewritten,rewrite-timestamp=true";
    const client = spawn(newestDocker, [...words, output], {
      env: { ...process.env, DOCKER_HOST: one.host },
    });
    const layers = join(one.root, "layers");
    const made = () =>
      readdirSync(layers)
        .filter((name) => name.startsWith("new-"))
        .flatMap((name) => readOrNone(join(layers, name)));
    await eventually(made, (paths) => paths.length > 0);
    client.kill("SIGKILL");
    await eventually(made, (paths) => paths.length === 0);
    await eventually(
      async () => JSON.parse((await one.api("GET", "/berth/system/check")).body),
      (findings: unknown[]) => findings.length === 0,
    );
    assert.doesNotMatch((await one.berth(["images"])).stdout, /rewritten/);
  });

  it("refuses what is no answer to whether times are rewritten, before it builds", async () => {
    const place = project(0, "flags");
    const { run } = clients[0]!;
    for (const attribute of ["rewrite-timestamp=yes", "push=2"]) {
      const refused = await run(
        "build",
        "--no-cache",
        "--progress=plain",
        "-o",
        `type=image,name=x,${attribute}`,
        place,
      );
      assert.notEqual(refused.code, 0);
      const [name, value] = attribute.split("=");
      assert.ok(
        refused.stderr.includes(`non-boolean value "${value}" specified for ${name}`),
        refused.stderr,
      );
      assert.doesNotMatch(refused.stderr, /RUN ln/);
    }
    await build(0, "flags", "type=image,name=flags,rewrite-timestamp=T");
    const time = await output(one.berth, ["run", "--rm", "flags", "stat", "-c", "%Y", "/there/a"]);
    assert.equal(Number(time), epoch);
  });

  it("leaves files as they are without rewrite-timestamp", async () => {
    await build(0, "plain", "type=image,name=plain");
    const time = await output(one.berth, ["run", "--rm", "plain", "stat", "-c", "%Y", "/there/a"]);
    assert.ok(Number(time) > epoch);
  });

  it("gives the same archives, and files of that time", async () => {
    const hashes = [];
    for (const [at, name] of [
      [0, "archive"],
      [1, "archive"],
    ] as const) {
      const folder = join(clients[at]!.folder, "out");
      mkdirSync(folder);
      await build(at, name, `type=oci,dest=${folder}/oci.tar,rewrite-timestamp=true`);
      await build(at, name, `type=tar,dest=${folder}/files.tar`);
      await build(at, name, `type=local,dest=${folder}/files`);
      for (const path of ["there/a", "there/b", "there", "bin/busybox"])
        assert.equal(statSync(join(folder, "files", path)).mtimeMs, epoch * 1000, path);
      hashes.push([hashOf(`${folder}/oci.tar`), hashOf(`${folder}/files.tar`)]);
    }
    assert.deepEqual(hashes[1], hashes[0]);
  });

  it("is as exact by our own command line, which takes the date from the environment", async () => {
    const command = async (engine: TestEngine, at: 0 | 1) => {
      const { host, berth } = engine;
      const place = project(at, "own");
      process.env.SOURCE_DATE_EPOCH = String(epoch);
      try {
        const built = await berth(["build", "--no-cache", "-t", "own", place]);
        assert.equal(built.code, 0, host + built.stderr);
      } finally {
        delete process.env.SOURCE_DATE_EPOCH;
      }
      return output(berth, ["image", "inspect", "-f", "{{.Created}}", "own"]);
    };
    assert.equal(await command(one, 0), new Date(epoch * 1000).toISOString().replace(".000Z", "Z"));
  });
});

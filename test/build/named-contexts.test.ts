import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { useDocker } from "./docker-client.ts";

describe("a context by name", () => {
  const { engine, berth } = useEngine();
  const { context, run } = useDocker(engine);
  before(() => berth("image", "make", "busybox"));

  async function build(dockerfile: string, ...words: string[]): Promise<string> {
    const place = context("main", { Dockerfile: dockerfile });
    const built = await run("build", "--progress=plain", "-t", "named", ...words, place);
    assert.equal(built.code, 0, built.stderr);
    return built.stderr;
  }
  const list = () => berth("run", "--rm", "named", "find", "/got", "-type", "f");

  it("that is a directory is sent as far as it is needed", async () => {
    const place = context("other", { one: "1", two: "2", "d/in": "in", big: "x".repeat(4_000_000) });
    const named = ["--build-context", `x=${place}`];
    const bind = "RUN --mount=from=x,source=d,target=/m cp /m/in /got/in\n";
    const shown = await build(`FROM busybox\nCOPY --from=x one t* /got/\n${bind}`, ...named);
    assert.deepEqual((await list()).trim().split("\n").sort(), ["/got/in", "/got/one", "/got/two"]);
    assert.doesNotMatch(shown, /transferring context: [\d.]+MB/);
    assert.match(
      await build("FROM x\nCOPY --from=busybox / /\n", ...named),
      /transferring context: [\d.]+MB/,
    );
    assert.equal(await berth("run", "--rm", "named", "cat", "/two"), "2");
  });

  it("that is a stage's root file system is sent as far as others copy from it, and whole once the stage has a step", async () => {
    const place = context("stage", { one: "1", big: "x".repeat(4_000_000) });
    const named = ["--build-context", `x=${place}`];
    const copied = "FROM busybox\nCOPY --from=z one /got/\n";
    const shown = await build(`FROM x AS y\nLABEL a=b\nFROM y AS z\n${copied}`, ...named);
    assert.doesNotMatch(shown, /transferring context: [\d.]+MB/);
    assert.equal((await list()).trim(), "/got/one");
    assert.match(
      await build(`FROM x AS y\nFROM y AS z\nWORKDIR /made\n${copied}`, ...named),
      /transferring context: [\d.]+MB/,
    );
    await build("FROM x\nCOPY --from=busybox / /\n", ...named);
    assert.equal((await berth("run", "--rm", "named", "wc", "-c", "/big")).trim(), "4000000 /big");
  });

  it("may be nothing", async () => {
    const named = ["--build-context", "base=docker-image://scratch"];
    await build("FROM base\nCOPY Dockerfile /\n", ...named);
    const [{ RootFS, Config }] = JSON.parse(await berth("image", "inspect", "named"));
    assert.equal(RootFS.Layers.length, 1);
    assert.match(Config.Env[0], /^PATH=/);
  });
});

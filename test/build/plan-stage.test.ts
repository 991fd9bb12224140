// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a Dockerfile has them
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DirectoryNode, Node, RunNode } from "../../src/build/graph/nodes.ts";
import { defaultPath } from "../../src/runtime/defaults.ts";
import { copyOf, createdBy, planDockerfile, type World } from "./plan-dockerfile.ts";

async function planRun(text: string, world?: World): Promise<RunNode> {
  const { target } = await planDockerfile(text, world);
  if (target.kind !== "run") throw new Error(`${target.kind} is no command`);
  return target;
}

/* As dockerd 28.5.2 plans them. */

describe("an argument", () => {
  const text = "FROM a\nARG TAG=${VERSION:?unset}\nLABEL tag=$TAG\n";
  const globalText = "ARG TAG=${VERSION:?unset}\nFROM a:$TAG\n";

  it("that is given needs no default, which may fail", async () => {
    const attributes = { "build-arg:TAG": "1" };
    const plan = await planDockerfile(text, { attributes });
    assert.deepEqual(plan.config.config?.Labels, { tag: "1" });
    assert.match((await planDockerfile(globalText, { attributes })).wanted[0] ?? "", /^a:1@/);
  });

  it("that is not given has one that fails", async () => {
    await assert.rejects(planDockerfile(text), /unset/);
    await assert.rejects(planDockerfile(globalText), /unset/);
  });

  it("for scanners is in the history, and seen by no command and no instruction", async () => {
    const said = "ARG BUILDKIT_SBOM_SCAN_STAGE=true X=y\nARG BUILDKIT_SBOM_SCAN_CONTEXT=1\n";
    const seen = "$X$BUILDKIT_SBOM_SCAN_STAGE$BUILDKIT_SBOM_SCAN_CONTEXT";
    const scanned = `FROM a\n${said}LABEL l=${seen}\nRUN env\n`;
    assert.deepEqual((await planRun(scanned)).env, [defaultPath, "X=y"]);
    const plan = await planDockerfile(scanned);
    assert.deepEqual(plan.config.config?.Labels, { l: "y" });
    const args = "BUILDKIT_SBOM_SCAN_STAGE=true X=y BUILDKIT_SBOM_SCAN_CONTEXT=1";
    assert.equal(createdBy(plan).at(-1), `RUN |3 ${args} /bin/sh -c env # buildkit`);
  });
});

describe("what a stage takes over from its image", () => {
  it("is followed by the usual PATH where it has none", async () => {
    const env = async (text: string, Env?: string[]) =>
      (await planDockerfile(text, { images: { a: Env ? { Env } : {} } })).config.config?.Env;
    assert.deepEqual(await env("FROM scratch\nENV A=1\nENV PATH=/p\n"), ["PATH=/p", "A=1"]);
    assert.deepEqual(await env("FROM a\nENV B=2 C=$PATH\n", ["A=1"]), [
      ...["A=1", defaultPath, "B=2", `C=${defaultPath.slice("PATH=".length)}`],
    ]);
    assert.deepEqual(await env("FROM a\nENV B=2\n", ["PATH=/bin", "A=1"]), ["PATH=/bin", "A=1", "B=2"]);
    const { env: seen } = await planRun("FROM a\nENV B=2\nRUN env\n", { images: { a: { Env: ["A=1"] } } });
    assert.deepEqual(seen, ["A=1", defaultPath, "B=2"]);
  });

  it("is a working directory, however it is written", async () => {
    for (const [WorkingDir, clean] of [
      ["/app/", "/app"],
      ["app", "/app"],
      ["/a//b/../c", "/a/c"],
    ]) {
      const images = { a: { WorkingDir } };
      assert.equal((await planRun("FROM a\nRUN pwd\n", { images })).workingDir, clean);
      const copied = copyOf(await planDockerfile("FROM a\nCOPY f ./to/\n", { images }));
      assert.equal(copied.destination, `${clean}/to/`);
      const moved = await planDockerfile("FROM a\nWORKDIR rel\n", { images });
      assert.equal(moved.config.config?.WorkingDir, `${clean}/rel`);
    }
  });

  it("is its author, whom the history does not name", async () => {
    const { config } = await planDockerfile("FROM a\nMAINTAINER me\nRUN true\n");
    assert.equal(config.author, "me");
    assert.deepEqual(config.history, [
      { created_by: "MAINTAINER me", comment: "buildkit.dockerfile.v0", empty_layer: true },
      { created_by: "RUN /bin/sh -c true # buildkit", comment: "buildkit.dockerfile.v0" },
    ]);
  });
});

it("without the cache, working directories are made as with it", async () => {
  const attributes = { "no-cache": "" };
  const { target } = await planDockerfile("FROM a\nCOPY x /\nWORKDIR /x\n", { attributes });
  assert.equal(target.kind, "workdir");
  assert.deepEqual(
    [target.ignoresCache, target.kind === "workdir" && target.base.ignoresCache],
    [undefined, true],
  );
});

describe("of a directory that a client has named", () => {
  const directory = (): DirectoryNode => ({
    ...{ kind: "directory", name: "", session: "", directory: "x", paths: new Set(), excludePatterns: [] },
  });
  async function pathsOf(text: string, target?: string): Promise<string[] | undefined> {
    const x: Node = directory();
    await planDockerfile(text, { named: { x }, attributes: target ? { target } : {} });
    return x.paths && [...x.paths].sort();
  }

  it("what is copied and mounted is wanted", async () => {
    assert.deepEqual(
      await pathsOf("FROM a\nCOPY --from=x one t* /\nRUN --mount=from=x,source=d,target=/m ls\n"),
      [...["d", "one", "t*"]],
    );
    assert.deepEqual(await pathsOf("FROM a\nRUN --mount=type=cache,from=x,source=d,target=/m ls\n"), ["d"]);
    assert.deepEqual(await pathsOf("FROM a AS x\nRUN false\nFROM a\nCOPY --from=x one /\n"), ["one"]);
  });

  it("all is wanted where it is a stage's base, or is mounted whole", async () => {
    const texts = [
      "FROM x\nCOPY --from=x one /\n",
      "FROM a AS x\nFROM x\nRUN true\n",
      "FROM a\nCOPY --from=x one /\nCOPY --from=x / /\n",
      "FROM a\nCOPY --from=x one /\nRUN --mount=from=x,target=/m ls\n",
      "FROM a\nRUN --mount=type=cache,from=x,target=/m ls\n",
    ];
    for (const text of texts) assert.equal(await pathsOf(text), undefined, text);
    assert.equal(await pathsOf("FROM a AS x\nFROM a\n", "x"), undefined);
  });
});

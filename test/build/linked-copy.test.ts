import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { output, useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";
import { useDocker } from "./docker-client.ts";

describe("COPY --link and ADD --link", () => {
  const { engine, berth } = useEngine();
  const { context, run, folder } = useDocker(engine);
  before(() => berth("image", "make", "busybox"));

  const steps = (base: string) => `FROM busybox
RUN ${base} && mkdir -m 700 /etc/there && ln -s /etc /linked && touch /etc/below
ADD --link --chmod=600 tree /etc/there/
COPY --link x /linked/deep/x
`;
  const project = (base: string) => context("app", { Dockerfile: steps(base), x: "x", "tree/a/b": "b" });

  const layersOf = async (image: string): Promise<string[]> =>
    JSON.parse(await output(engine.berth, ["image", "inspect", "-f", "{{json .RootFS.Layers}}", image]));
  async function build(base: string, ...words: string[]) {
    const built = await run("build", "--progress=plain", "-t", "app", ...words, project(base));
    assert.equal(built.code, 0, built.stderr);
    return built.stderr;
  }
  const isCached = (text: string, step: string) => {
    const [, number] =
      text
        .split("\n")
        .find((line) => line.includes(`] ${step}`))
        ?.match(/^#(\d+)/) ?? [];
    return new RegExp(`^#${number} CACHED`, "m").test(text);
  };

  it("are layers of their own, which are there on a base that has changed", async () => {
    const first = await build("echo 1");
    assert.ok(!isCached(first, "ADD --link"));
    const before = await layersOf("app");
    const second = await build("echo 2 > /two");
    assert.ok(!isCached(second, "RUN"));
    assert.ok(isCached(second, "ADD --link") && isCached(second, "COPY --link"), second);
    const after = await layersOf("app");
    assert.notEqual(after.at(-3), before.at(-3));
    assert.deepEqual(after.slice(-2), before.slice(-2));
    assert.equal(
      await berth("run", "--rm", "app", "cat", "/two", "/etc/there/a/b", "/linked/deep/x"),
      "2\nbx",
    );
    assert.ok(isCached(await build("echo 1"), "RUN"));
    assert.deepEqual(await layersOf("app"), before);
  });

  it("see nothing of what is below, and hide nothing of it", async () => {
    await build("echo 1");
    const look =
      "for one in /linked /etc/there /etc/there/a/b /linked/deep/x /etc/below; do ls -ld $one; done";
    const [linked, there, b, x] = (await berth("run", "--rm", "app", "sh", "-c", look)).split("\n");
    // Where a link was there is a directory, and a directory on the way is a new one.
    assert.match(linked!, /^drwxr-xr-x/);
    assert.match(there!, /^drw-------/);
    assert.match(b!, /^-rw-------/);
    assert.match(x!, /^-rw-r--r--/);
  });

  it("with a user's name are looked up in the base, as without", async () => {
    const place = context("named", {
      Dockerfile:
        "FROM busybox\nRUN mkdir -p /etc && echo me:x:77:78::/:/bin/sh > /etc/passwd\nCOPY --link --chown=me x /x\nCOPY --link --chown=5:6 x /y\n",
      x: "x",
    });
    const built = await run("build", "-t", "named", place);
    assert.equal(built.code, 0, built.stderr);
    assert.match(
      await berth("run", "--rm", "named", "stat", "-c", "%u:%g", "/x", "/y"),
      /^77:77\n5:6$|^77:78\n5:6$/,
    );
  });

  it("come from a cache that is kept elsewhere onto another base", async () => {
    const dest = join(folder, "cache");
    await build("echo 1", "--cache-to", `type=local,dest=${dest}`);
    assert.ok(JSON.parse(readFileSync(join(dest, "index.json"), "utf8")).manifests.length === 1);
    await berth("rmi", "-f", "app");
    assert.equal((await run("buildx", "prune", "-af")).code, 0);
    const again = await build("echo 3 > /three", "--cache-from", `type=local,src=${dest}`);
    assert.ok(
      !isCached(again, "RUN") && isCached(again, "ADD --link") && isCached(again, "COPY --link"),
      again,
    );
    writeFiles(join(folder, "app"), { x: "another" });
    const changed = await run("build", "--progress=plain", "-t", "app", join(folder, "app"));
    assert.ok(
      isCached(changed.stderr, "ADD --link") && !isCached(changed.stderr, "COPY --link"),
      changed.stderr,
    );
    assert.equal(await berth("run", "--rm", "app", "cat", "/linked/deep/x"), "another");
  });

  it("stand each on its own base, when two are made at the same time", async () => {
    const dockerfile = `FROM busybox AS a
RUN echo a > /base
COPY --link big /big
FROM busybox AS b
RUN echo b > /base
COPY --link big /big
FROM busybox
COPY --from=a / /a
COPY --from=b / /b
`;
    const two = () => context("two", { Dockerfile: dockerfile, big: "x".repeat(30 << 20) });
    for (const flags of [[], ["--no-cache"], []]) {
      const built = await run("build", "-t", "two", ...flags, two());
      assert.equal(built.code, 0, built.stderr);
      assert.equal(await berth("run", "--rm", "two", "cat", "/a/base", "/b/base"), "a\nb");
    }
    // Each base has one record of its step, however often they take turns.
    const usage = JSON.parse((await engine.api("GET", "/v1.51/system/df?type=build-cache")).body) as {
      BuildCache: { Description: string }[];
    };
    const before = usage.BuildCache.filter(({ Description }) => /COPY --link big/.test(Description)).length;
    for (let round = 0; round < 2; round++) assert.equal((await run("build", "-t", "two", two())).code, 0);
    const after = JSON.parse(
      (await engine.api("GET", "/v1.51/system/df?type=build-cache")).body,
    ) as typeof usage;
    assert.equal(
      after.BuildCache.filter(({ Description }) => /COPY --link big/.test(Description)).length,
      before,
    );
  });
});

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startDockerRegistry } from "../distribution/fixtures.ts";
import { output, startEngine, type TestEngine } from "../engine.ts";
import { isOldDocker, stockDockers } from "../stock-docker.ts";
import { type Outcome, useDocker } from "./docker-client.ts";

type Registry = Awaited<ReturnType<typeof startDockerRegistry>>;

describe("a build cache that is kept elsewhere", () => {
  const [one, other] = [{} as TestEngine, {} as TestEngine];
  const registry = {} as Registry;
  const { context, run, folder } = useDocker(one);
  const { run: runElsewhere } = useDocker(other);
  const old = stockDockers.find(isOldDocker);
  const { runWith: runOld } = useDocker(one, old);
  before(async () => {
    Object.assign(registry, await startDockerRegistry());
    for (const engine of [one, other]) Object.assign(engine, await startEngine());
    await output(one.berth, ["image", "make", "busybox"]);
    await output(one.berth, ["tag", "busybox", `${registry.host}/base`]);
    await output(one.berth, ["push", `${registry.host}/base`]);
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    for (const engine of [one, other]) await engine.stop();
  });

  /** What a random number makes tells whether a step was done again. */
  const project = (name: string) =>
    context(name, {
      Dockerfile: `FROM ${registry.host}/base AS made
COPY x /x
RUN cat /x /proc/sys/kernel/random/uuid > /made
FROM ${registry.host}/base
WORKDIR /${name}
COPY --from=made /made /made
RUN --mount=type=bind,from=made,target=/from cat /from/made > /bound
COPY x /last
`,
      x: name,
    });

  const names = /^#\d+ (\[(?:made|stage-1) .*)$/gm;
  /** Steps, and whether they were done. */
  function stepsOf({ stderr, stdout }: Outcome): { all: string[]; done: string[] } {
    const text = stderr + stdout;
    const all = [...new Set([...text.matchAll(names)].map(([, name]) => name as string))].filter(
      (name) => !name.includes("FROM"),
    );
    const isCached = (name: string) => {
      const [, number] =
        text
          .split("\n")
          .find((line) => line.endsWith(` ${name}`))
          ?.match(/^#(\d+)/) ?? [];
      return new RegExp(`^#${number} CACHED`, "m").test(text);
    };
    return { all, done: all.filter((name) => !isCached(name)) };
  }

  async function clear(): Promise<void> {
    for (const image of ["app", "again"]) await other.berth(["rmi", "-f", image]);
    const pruned = await runElsewhere("buildx", "prune", "-af");
    assert.equal(pruned.code, 0, pruned.stderr);
    assert.match((await runElsewhere("buildx", "du")).stdout, /Total:\s+0B/);
  }

  const readFilesOf = (engine: TestEngine, image: string) =>
    output(engine.berth, ["run", "--rm", image, "cat", "/made", "/bound", "/last"]);

  async function buildBoth(name: string, to: string, from: string) {
    const place = project(name);
    const built = await run("build", "--progress=plain", "-t", "app", "--cache-to", to, place);
    assert.equal(built.code, 0, built.stderr);
    assert.equal(stepsOf(built).done.length, 6);
    await clear();
    const again = await runElsewhere("build", "--progress=plain", "-t", "app", "--cache-from", from, place);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(stepsOf(again), { all: stepsOf(again).all, done: [] }, again.stderr);
    assert.equal(await readFilesOf(other, "app"), await readFilesOf(one, "app"));
    return { place, built, again };
  }

  /** What its config says. Its manifest names the base as it is on the engine: as it was pulled, or as it was made. */
  const describeImage = async (engine: TestEngine) => {
    const format = "{{json .Created}} {{json .Config}} {{json .RootFS}}";
    const inspected = await output(engine.berth, ["image", "inspect", "-f", format, "app"]);
    return (
      inspected +
      (await output(engine.berth, [
        "history",
        "--no-trunc",
        "--human=false",
        "--format",
        "{{.CreatedAt}} {{.CreatedBy}} {{.Size}}",
        "app",
      ]))
    );
  };

  it("has what is copied onto nothing, though the stage that it comes from is not in it", async () => {
    const dockerfile = `FROM ${registry.host}/base AS made
RUN cat /proc/sys/kernel/random/uuid > /made
FROM scratch
COPY --from=made /made /made
`;
    const place = context("scratched", { Dockerfile: dockerfile });
    const to = `type=registry,ref=${registry.host}/cache:scratch,mode=min`;
    const built = await run("build", "--progress=plain", "-t", "app", "--cache-to", to, place);
    assert.equal(built.code, 0, built.stderr);
    await clear();
    const from = `${registry.host}/cache:scratch`;
    const again = await runElsewhere("build", "--progress=plain", "-t", "app", "--cache-from", from, place);
    assert.deepEqual(stepsOf(again).done, [], again.stderr);
    const layers = (engine: TestEngine) =>
      output(engine.berth, ["image", "inspect", "-f", "{{json .RootFS.Layers}}", "app"]);
    assert.equal(await layers(other), await layers(one));
  });

  it("gives an engine that has nothing all steps from a registry, and the same image", async () => {
    const to = `type=registry,ref=${registry.host}/cache:all,mode=max`;
    const { again } = await buildBoth("all", to, `${registry.host}/cache:all`);
    assert.equal(stepsOf(again).all.length, 6);
    assert.match(again.stderr, /importing cache manifest from .*cache:all/);
    assert.match(again.stderr, /inferred cache manifest type: application\/vnd.oci.image.manifest.v1\+json/);
    assert.equal(await describeImage(other), await describeImage(one));
  });

  it("of the image's own steps alone does as well, though the other stage is in no cache", async () => {
    const reference = `${registry.host}/cache:min`;
    await buildBoth("min", `type=registry,ref=${reference}`, `type=registry,ref=${reference}`);
    // What the image is made of is here, and the stage that it is made from is not.
    const used = (await runElsewhere("buildx", "du", "--verbose")).stdout;
    assert.match(used, /COPY --from=made/);
    assert.doesNotMatch(used, /made 3\/3/);
    const accept = "application/vnd.oci.image.manifest.v1+json";
    const answer = await fetch(`http://${registry.host}/v2/cache/manifests/min`, { headers: { accept } });
    const kept = (await answer.json()) as { config: { mediaType: string } };
    assert.equal(kept.config.mediaType, "application/vnd.buildkit.cacheconfig.v0");
  });

  it("is in the image where that is wanted, which is pushed with it", async () => {
    const name = `${registry.host}/inline:1`;
    const place = project("inline");
    const built = await run("build", "--push", "-t", name, "--cache-to", "type=inline", place);
    assert.equal(built.code, 0, built.stderr);
    await output(one.berth, ["tag", name, "app"]);
    await clear();
    const again = await runElsewhere("build", "--progress=plain", "-t", "app", "--cache-from", name, place);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(stepsOf(again).done, [], again.stderr);
    assert.equal(await readFilesOf(other, "app"), await readFilesOf(one, "app"));
  });

  it("is found in an image that is here, under a name that no registry has", async () => {
    const place = project("here");
    const built = await run("build", "-t", "inline", "--cache-to", "type=inline", place);
    assert.equal(built.code, 0, built.stderr);
    assert.equal((await run("buildx", "prune", "-af")).code, 0);
    const again = await run("build", "--progress=plain", "-t", "app", "--cache-from", "inline", place);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(stepsOf(again).done, [], again.stderr);
    // An image without a cache in it is none.
    await output(one.berth, ["tag", "busybox", "empty"]);
    const none = await run("build", "--progress=plain", "--cache-from", "127.0.0.1:1/empty", place);
    assert.match(none.stderr, /importing cache manifest from 127\.0\.0\.1:1\/empty.*\n.*ERROR/);
  });

  const skip = old === undefined && "this machine has no docker of 20.10: Debian 12 has it";
  it("is asked for and named by clients of Docker 20.10 in their own way", { skip }, async () => {
    const place = project("old");
    const ask = async (...words: string[]) => {
      const inline = ["--build-arg", "BUILDKIT_INLINE_CACHE=1"];
      const asked = await runOld(
        { DOCKER_BUILDKIT: "1" },
        "build",
        "--progress=plain",
        ...inline,
        ...words,
        place,
      );
      assert.equal(asked.code, 0, asked.stderr);
      return asked;
    };
    await ask("-t", "inline-old");
    assert.equal((await run("buildx", "prune", "-af")).code, 0);
    const again = await ask("-t", "app", "--cache-from", "inline-old");
    assert.deepEqual(stepsOf(again).done, [], again.stderr);
  });

  it("goes from one directory to another, by either command line", async () => {
    const [first, second] = [join(folder, "cache-1"), join(folder, "cache-2")];
    const { place } = await buildBoth(
      "local",
      `type=local,dest=${first},mode=max`,
      `type=local,src=${first}`,
    );
    await clear();
    // All that was in the first is in the second, although most of it was never needed here.
    const moved = await other.berth([
      ...["build", "-t", "app", "--progress=plain", "--cache-from", `type=local,src=${first}`],
      ...["--cache-to", `type=local,dest=${second},mode=max,tag=other`, place],
    ]);
    assert.equal(moved.code, 0, moved.stderr);
    assert.ok(existsSync(join(second, "index.json")));
    await clear();
    rmSync(first, { recursive: true });
    writeFileSync(join(place, "x"), "changed");
    const changed = await runElsewhere(
      ...[
        "build",
        "--progress=plain",
        "-t",
        "app",
        "--cache-from",
        `type=local,src=${second},tag=other`,
        place,
      ],
    );
    assert.equal(changed.code, 0, changed.stderr);
    assert.deepEqual(
      stepsOf(changed).all.filter((name) => !stepsOf(changed).done.includes(name)),
      stepsOf(changed).all.filter((name) => name.includes("WORKDIR")),
    );
    writeFileSync(join(place, "x"), "local");
    await clear();
    writeFileSync(
      join(place, "Dockerfile"),
      readFileSync(join(place, "Dockerfile"), "utf8").replace("/last", "/last2"),
    );
    const partly = await other.berth([
      ...["build", "--progress=plain", "--cache-from", `type=local,src=${second},tag=other`, place],
    ]);
    assert.equal(partly.code, 0, partly.stderr);
    assert.deepEqual(stepsOf(partly).done.length, 1, partly.stderr + partly.stdout);
  });

  it("goes to directories in several forms at once, and each of them can be read", async () => {
    const place = project("directories");
    for (const [client, build] of [
      ["docker", (words: string[]) => run("build", ...words)],
      ["berth", (words: string[]) => one.berth(["build", ...words])],
    ] as const) {
      const folders = ["min", "max", "zstd"].map((form) => join(folder, `${client}-${form}`));
      const [min, max, zstd] = folders as [string, string, string];
      const built = await build([
        ...["-t", "app", "--cache-to", `type=local,mode=min,dest=${min}`],
        ...["--cache-to", `type=local,mode=max,dest=${max}`],
        ...["--cache-to", `type=local,mode=min,compression=zstd,dest=${zstd}`, place],
      ]);
      assert.equal(built.code, 0, built.stderr);
      const manifests = folders.map((one) => {
        const { manifests } = JSON.parse(readFileSync(join(one, "index.json"), "utf8"));
        assert.ok(existsSync(join(one, "blobs/sha256", manifests[0].digest.slice(7))), one);
        return manifests[0].digest as string;
      });
      // BuildKit's clients put one manifest into each index, and there is room for no more.
      assert.equal(new Set(manifests).size, client === "docker" ? 1 : 3);
      if (client === "docker") assert.equal(new Set(folders.map(countRecords)).size, 1);
      else assert.ok(countRecords(min) < countRecords(max));
      for (const src of folders) {
        await clear();
        const again = await runElsewhere(
          ...["build", "--progress=plain", "-t", "app", "--cache-from", `type=local,src=${src}`, place],
        );
        assert.deepEqual(stepsOf(again).done, [], again.stderr);
      }
    }
  });

  /** In the cache that the index of a directory names. */
  function countRecords(place: string): number {
    const read = (digest: string) =>
      JSON.parse(readFileSync(join(place, "blobs/sha256", digest.slice(7)), "utf8"));
    const { manifests } = JSON.parse(readFileSync(join(place, "index.json"), "utf8"));
    return read(read(manifests[0].digest).config.digest).records.length;
  }

  it("holds the steps of several platforms, and goes to several places at once", async () => {
    const place = context("several", {
      Dockerfile: "FROM scratch\nARG TARGETARCH\nCOPY x /x-$TARGETARCH\nCOPY --link x /linked\n",
      x: "several",
    });
    const [dest, reference] = [join(folder, "several-cache"), `${registry.host}/cache:several`];
    const platforms = ["--platform", `linux/${process.arch === "x64" ? "amd64" : process.arch},linux/s390x`];
    const built = await run(
      ...["build", ...platforms, "-t", "app", "--cache-to", `type=local,dest=${dest},mode=max`],
      ...["--cache-to", `type=registry,ref=${reference}`, "--cache-to", "type=inline", place],
    );
    assert.equal(built.code, 0, built.stderr);
    for (const from of [`type=local,src=${dest}`, `type=registry,ref=${reference}`]) {
      await clear();
      const again = await runElsewhere(
        ...["build", "--progress=plain", ...platforms, "-t", "app", "--cache-from", from, place],
      );
      assert.equal(again.code, 0, again.stderr);
      assert.equal(again.stderr.match(/^#\d+ CACHED/gm)?.length, 4, again.stderr);
    }
  });

  it("in several directories and a registry is found in each directory by its own manifest", async () => {
    const place = project("beside");
    const manifestIn = (dest: string) => {
      const { manifests } = JSON.parse(readFileSync(join(dest, "index.json"), "utf8"));
      assert.equal(manifests.length, 1);
      const path = join(dest, "blobs/sha256", manifests[0].digest.replace("sha256:", ""));
      assert.ok(existsSync(path), `${dest} has no ${manifests[0].digest}`);
      return manifests[0].digest;
    };
    const toRegistry = `type=registry,ref=${registry.host}/cache:beside,image-manifest=false`;
    const stock = join(folder, "beside-stock");
    const built = await run(
      "build",
      "--cache-to",
      `type=local,dest=${stock}`,
      "--cache-to",
      toRegistry,
      place,
    );
    assert.equal(built.code, 0, built.stderr);
    manifestIn(stock);
    const [least, most] = [join(folder, "beside-min"), join(folder, "beside-max")];
    const places = [`type=local,dest=${least}`, `type=local,dest=${most},mode=max`, toRegistry];
    const own = await one.berth(["build", ...places.flatMap((to) => ["--cache-to", to]), place]);
    assert.equal(own.code, 0, own.stderr);
    assert.notEqual(manifestIn(least), manifestIn(most));
    assert.equal(manifestIn(least), manifestIn(stock));
  });

  it("is written in the forms that older registries and other tools want", async () => {
    for (const [at, style] of [
      "image-manifest=false",
      "image-manifest=false,oci-mediatypes=false",
      "compression=zstd",
      "compression=uncompressed",
      "compression=gzip,compression-level=1",
    ].entries()) {
      const dest = join(folder, `style-${at}`);
      await buildBoth(`style-${at}`, `type=local,dest=${dest},${style}`, `type=local,src=${dest}`);
    }
    const blobs = readdirSync(join(folder, "style-2", "blobs/sha256")).map((name) =>
      readFileSync(join(folder, "style-2", "blobs/sha256", name))
        .subarray(0, 4)
        .toString("hex"),
    );
    assert.ok(blobs.includes("28b52ffd"), "something is packed with zstd");
  });

  it("is refused by name where it cannot be written, and missed aloud where it cannot be read", async () => {
    const place = project("refused");
    for (const [to, why] of [
      ["type=local,dest=/x,compression=estargz", "unsupported compression type estargz"],
      ["type=registry,ref=x,mode=most", "invalid cache export mode: most"],
      ["type=registry,ref=x,registry.insecure=true", "registry.insecure is not supported"],
      ["type=s3,bucket=x,region=y", 'unknown cache exporter: "s3"'],
    ] as const) {
      const refused = await run("build", "--cache-to", to, place);
      assert.notEqual(refused.code, 0);
      assert.ok(refused.stderr.includes(why), refused.stderr);
    }
    const failing = `type=registry,ref=127.0.0.1:1/some/where:1`;
    const failed = await run("build", "--cache-to", failing, place);
    assert.notEqual(failed.code, 0);
    assert.match(failed.stderr, /error writing cache/);
    const ignored = await run("build", "--cache-to", `${failing},ignore-error=true`, place);
    assert.equal(ignored.code, 0, ignored.stderr);
    const missed = await run(
      ...[
        "build",
        "--cache-from",
        "127.0.0.1:1/some/where:1",
        "--cache-from",
        `${registry.host}/no:1`,
        place,
      ],
    );
    assert.equal(missed.code, 0, missed.stderr);
    assert.match(missed.stderr, /importing cache manifest from .*no:1/);
    assert.match(missed.stderr, /ERROR.*(manifest unknown|not found)/);
    const own = await one.berth(["build", "--cache-from", "type=local,src=/nonexistent", place]);
    assert.equal(own.code, 0, own.stderr);
    assert.match(own.stderr, /local cache importer requires either/);
  });
});

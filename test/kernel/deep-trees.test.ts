import assert from "node:assert/strict";
import { existsSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { rounds } from "../rounds.ts";

/** Directories nested deeper than any path reaches, in `x` of the working directory, with a file of five bytes. */
const nest = `name=$(printf '%0200d' 0); i=0; mkdir x && echo deep > x/file
while [ $i -lt 60 ]; do mkdir t && mv x t/$name && mv t x || exit 1; i=$((i+1)); done`;

describe("a container whose directories are nested deeper than any path reaches", () => {
  const { engine, berth } = useEngine();

  it("is listed with its size, and so are the others", async () => {
    await berth("run", "--name", "deep", "busybox", "sh", "-c", nest);
    await berth("run", "--name", "flat", "busybox", "sh", "-c", "echo 12345 > /file");
    const { body, status } = await engine.api("GET", "/containers/json?all=1&size=1");
    assert.equal(status, 200, body);
    const sizes = JSON.parse(body).map((one: { Names: string[]; SizeRw: number }) => [
      one.Names[0],
      one.SizeRw,
    ]);
    assert.deepEqual(sizes, [
      ["/flat", 6],
      ["/deep", 5],
    ]);
    assert.equal((await engine.api("GET", "/system/df")).status, 200);
  });

  it("can be compared, exported, copied from and committed", async () => {
    const { body } = await engine.api("GET", "/containers/deep/changes");
    assert.equal(JSON.parse(body).length, 62);
    assert.match(await berth("cp", "deep:/x", "-"), /deep\n/);
    assert.match(await berth("export", "deep"), /deep\n/);
    await berth("commit", "deep", "deep-image");
    await berth("rmi", "deep-image");
  });

  it("is removed, by rm and by --rm", async () => {
    const id = await berth("inspect", "-f", "{{.Id}}", "deep");
    await berth("rm", "deep", "flat");
    assert.equal(existsSync(join(engine.root, "containers", id)), false);
    await berth("run", "--rm", "busybox", "sh", "-c", nest);
    assert.equal(await berth("ps", "-aq"), "");
  });

  it("leaves volumes that are measured and removed as well", async () => {
    await berth("volume", "create", "deep");
    await berth("run", "--rm", "-v", "deep:/v", "-w", "/v", "busybox", "sh", "-c", nest);
    const { body } = await engine.api("GET", "/system/df?type=volume");
    assert.equal(JSON.parse(body).Volumes[0].UsageData.Size, 5);
    await berth("volume", "rm", "deep");
    assert.equal(existsSync(join(engine.root, "volumes/deep")), false);
    assert.equal(JSON.parse((await engine.api("GET", "/berth/system/check")).body).length, 0);
  });
});

describe("lists of sizes", () => {
  const { engine, berth } = useEngine();

  it("never fail while containers, volumes and images come and go", async () => {
    let isDone = false;
    const churn = async (n: number) => {
      for (let round = 0; round < rounds({ few: 3, all: 8 }); round++) {
        await berth(
          "run",
          "--rm",
          "-v",
          "/anonymous",
          "busybox",
          "sh",
          "-c",
          "mkdir -p /a/b/c; touch /a/b/c/d /anonymous/x",
        );
        const name = `c${n}-${round}`;
        await berth("create", "--name", name, "-v", `${name}:/v`, "busybox", "true");
        await berth("commit", name, name);
        await berth("rm", name);
        await berth("volume", "rm", name);
        await berth("rmi", name);
      }
    };
    const ask = async (path: string) => {
      for (let asked = 0; !isDone; asked++) {
        const { status, body } = await engine.api("GET", path);
        assert.equal(status, 200, `${path} at ${asked}: ${body}`);
      }
    };
    const asking = ["/system/df", "/containers/json?all=1&size=1", "/images/json?all=1"].map(ask);
    await Promise.all([churn(1), churn(2)]).finally(() => {
      isDone = true;
    });
    await Promise.all(asking);
  });

  it("show -1 for what cannot be read, and all the rest", async () => {
    await berth("create", "--name", "bad", "busybox", "true");
    await berth("create", "--name", "good", "busybox", "true");
    const id = await berth("inspect", "-f", "{{.Id}}", "bad");
    const upper = join(engine.root, "containers", id, "upper");
    rmdirSync(upper);
    writeFileSync(upper, "no directory");
    const { body } = await engine.api("GET", "/containers/json?all=1&size=1");
    const sizes = JSON.parse(body).map(({ Names, SizeRw }: { Names: string[]; SizeRw: number }) => [
      Names[0],
      SizeRw,
    ]);
    assert.deepEqual(sizes.sort(), [
      ["/bad", -1],
      ["/good", 0],
    ]);
    assert.match(await berth("ps", "-a", "-s"), /good/);
    assert.match(await berth("system", "df"), /Containers/);
    await berth("rm", "bad", "good");
  });
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, output, startEngine, type TestEngine } from "../engine.ts";

describe("room on the disk", () => {
  const folder = mkdtempSync(join(tmpdir(), "garbage-"));
  const root = join(folder, "data");
  const configFile = join(folder, "daemon.json");
  let engine: TestEngine;
  const berth = (...words: string[]) => output(engine.berth, words);
  const images = async () =>
    (await berth("images", "--format", "{{.Repository}}")).split("\n").filter(Boolean).sort();
  const configure = (policy: object) => {
    writeFileSync(configFile, JSON.stringify(policy));
    process.kill(engine.pid(), "SIGHUP");
  };
  /** An image of its own with so many bytes that do not compress. */
  const makeImage = async (name: string, bytes: number) => {
    await berth("run", "--name", "maker", "busybox", "sh", "-c", `head -c ${bytes} /dev/urandom > /big`);
    await berth("commit", "maker", name);
    await berth("rm", "maker");
  };

  before(async () => {
    mkdirSync(root);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", root]);
    writeFileSync(configFile, "{}");
    engine = await startEngine(["--data-root", root, "--config-file", configFile]);
    await berth("image", "make", "busybox");
  });
  after(async () => {
    await engine.stop();
    execFileSync("umount", [root]);
    rmSync(folder, { recursive: true });
  });

  it("is told by `system df` as du tells it", async () => {
    await makeImage("sized", 3_000_000);
    const { LayersSize } = JSON.parse((await engine.api("GET", "/system/df")).body);
    const folders = [join(root, "layers"), join(root, "blobs")];
    const du = execFileSync("du", ["-s", "--block-size=1", ...folders], { encoding: "utf8" });
    const bytes = du.split("\n").reduce((sum, line) => sum + Number(line.split("\t")[0]), 0);
    assert.ok(Math.abs(LayersSize - bytes) <= 4096 * 4, `${LayersSize} and ${bytes}`);
    await berth("rmi", "sized");
    const after = JSON.parse((await engine.api("GET", "/system/df")).body).LayersSize;
    const freed = LayersSize - after;
    assert.ok(freed >= 3_000_000 && freed <= 1.1 * 3_000_000, `a layer takes its room once: ${freed}`);
  });

  it("comes back from a pull that was given up, with prune", async () => {
    const partial = join(root, "blobs/partial", "0".repeat(64));
    writeFileSync(partial, Buffer.alloc(100_000));
    const { SpaceReclaimed } = JSON.parse((await engine.api("POST", "/images/prune")).body);
    assert.equal(SpaceReclaimed, 100_000);
    assert.equal(existsSync(partial), false);
    assert.deepEqual(readdirSync(join(root, "blobs/partial")), []);
  });

  it("is made by itself between the water marks, the longest unused first", async () => {
    for (const name of ["first", "second", "third"]) await makeImage(name, 11_000_000);
    await berth("create", "--name", "user", "first", "true");
    configure({ "image-gc-high-water": 95 });
    await berth("tag", "second", "again");
    // Of downloads that were given up.
    const partial = join(root, "blobs/partial", "1".repeat(64));
    writeFileSync(partial, "half");
    assert.deepEqual(await images(), ["again", "busybox", "first", "second", "third"]);
    configure({ "image-gc-high-water": 45, "image-gc-low-water": "40%" });
    assert.deepEqual(
      await eventually(images, (names) => !names.includes("third")),
      ["again", "busybox", "first", "second"],
      "first has a container, second was tagged since, busybox is what the others stand on",
    );
    assert.equal(existsSync(partial), false);
    assert.equal(await berth("run", "--rm", "again", "stat", "-c", "%s", "/big"), "11000000");
  });

  it("keeps the images used last, and those used within the time given", async () => {
    configure({ "image-gc-unused-for": "24h" });
    await makeImage("fourth", 1000);
    await makeImage("fifth", 1000);
    await berth("run", "--rm", "fourth", "true");
    configure({ "image-gc-unused-for": "0s", "image-gc-keep-last": 1 });
    const left = await eventually(images, (names) => !names.includes("again"));
    assert.deepEqual(left, ["busybox", "first", "fourth"]);
    configure({});
    await berth("rm", "user");
    assert.deepEqual(await images(), ["busybox", "first", "fourth"]);
  });

  it("is not made by a policy that makes no sense, which changes nothing", async () => {
    for (const [policy, complaint] of [
      [{ "image-gc-high-water": "much" }, /must be a percentage/],
      [{ "image-gc-high-water": 50, "image-gc-low-water": 60 }, /must be below/],
      [{ "image-gc-unused-for": "soon" }, /invalid duration/],
    ] as const) {
      writeFileSync(configFile, JSON.stringify(policy));
      const daemon = fileURLToPath(new URL("../../dist/daemon/main.js", import.meta.url));
      const words = [daemon, "--config-file", configFile, "--data-root", root];
      const { code, stderr } = await engine.cli(process.execPath)(words);
      assert.equal(code, 1);
      assert.match(stderr, complaint);
    }
    writeFileSync(configFile, "{}");
  });
});

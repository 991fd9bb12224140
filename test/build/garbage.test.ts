import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, output, startEngine, type TestEngine } from "../engine.ts";
import { isOldDocker, stockDockers } from "../stock-docker.ts";
import { useDocker } from "./docker-client.ts";

describe("the build cache's own rules", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-build-garbage-"));
  const file = join(folder, "daemon.json");
  const engine = {} as TestEngine;
  const { context, run } = useDocker(engine);
  const configure = (builder: object) => writeFileSync(file, JSON.stringify({ builder }));
  before(async () => {
    configure({ gc: { policy: [{ all: true, maxUsedSpace: "5MB" }] } });
    Object.assign(engine, await startEngine(["--config-file", file]));
    await output(engine.berth, ["image", "make", "busybox"]);
  });
  after(async () => {
    await engine.stop();
    rmSync(folder, { recursive: true });
  });

  const build = async (mark: string) => {
    const place = context(mark, {
      Dockerfile: `FROM busybox\nRUN head -c 2000000 /dev/urandom > /${mark}\nRUN true\n`,
    });
    // What an image has too would count as nothing of the cache's.
    const built = await run("build", "--progress", "plain", "-o", "type=cacheonly", place);
    assert.equal(built.code, 0, built.stderr);
    return built.stderr;
  };
  const records = async () => JSON.parse((await engine.api("GET", "/system/df")).body).BuildCache;
  const used = async () =>
    (await records()).reduce((sum: number, { Size }: { Size: number }) => sum + Size, 0);

  it("remove what was used longest ago, after a build", async () => {
    for (const mark of ["one", "two", "three", "four"]) await build(mark);
    await eventually(used, (bytes) => bytes <= 5 * 1024 * 1024, 300);
    const left = (await records()).map(({ Description }: { Description: string }) => Description).join("\n");
    assert.match(left, /\/four/);
    assert.doesNotMatch(left, /\/one/);
    assert.match(await build("four"), /RUN head -c 2000000 \/dev\/urandom > \/four\n#\d+ CACHED/);
  });

  it("are shown, and others count without a restart", async () => {
    assert.match(
      (await run("buildx", "inspect")).stdout,
      /GC Policy rule#0:\n All: +true\n.*\n? ?Max Used Space: 5MiB/,
    );
    configure({ gc: { enabled: false } });
    process.kill(engine.pid(), "SIGHUP");
    await eventually(
      async () => (await run("buildx", "inspect")).stdout,
      (text) => !text.includes("GC Policy"),
    );
    for (const mark of ["five", "six"]) await build(mark);
    assert.ok((await used()) > 5 * 1024 * 1024);
  });

  it("allow privileges to steps only when they say so", async () => {
    const place = context("insecure", {
      Dockerfile:
        "# syntax=docker/dockerfile:1-labs\nFROM busybox\nRUN --security=insecure grep CapEff /proc/self/status\n",
    });
    const refused = await run("build", "--allow", "security.insecure", place);
    assert.notEqual(refused.code, 0);
    assert.match(
      refused.stderr,
      /granting entitlement security\.insecure is not allowed by build daemon configuration/,
    );
    configure({ gc: { enabled: false }, entitlements: { "security-insecure": true } });
    process.kill(engine.pid(), "SIGHUP");
    const allowed = await eventually(
      () => run("build", "--allow", "security.insecure", place),
      ({ code }) => code === 0,
    );
    assert.equal(allowed.code, 0, allowed.stderr);
  });

  it("allow the host's network to clients without a flag for it only where they ask for it", async () => {
    const [docker] = stockDockers;
    assert.ok(docker);
    const old = useDocker(engine, docker);
    const plain = context("plain", { Dockerfile: "FROM busybox\nRUN true\n" });
    const host = context("host", { Dockerfile: "FROM busybox\nRUN --network=host true\n" });
    // Later clients need a plugin for BuildKit, which says itself what it allows.
    const kinds = (isOldDocker(docker) ? ["0", "1"] : ["0"]).map((DOCKER_BUILDKIT) => ({ DOCKER_BUILDKIT }));
    for (const kind of kinds) {
      const unasked = await old.runWith(kind, "build", host);
      assert.notEqual(unasked.code, 0);
      assert.match(unasked.stdout + unasked.stderr, /network\.host is not allowed/);
      const asked = await old.runWith(kind, "build", "--network", "host", host);
      assert.equal(asked.code, 0, asked.stderr);
    }
    configure({ gc: { enabled: false }, entitlements: { "network-host": false } });
    process.kill(engine.pid(), "SIGHUP");
    await eventually(
      () => run("build", "--network", "host", host),
      ({ code }) => code !== 0,
    );
    for (const kind of kinds) {
      const built = await old.runWith(kind, "build", plain);
      assert.equal(built.code, 0, built.stderr);
      const refused = await old.runWith(kind, "build", "--network", "host", host);
      assert.notEqual(refused.code, 0);
      assert.match(
        refused.stdout + refused.stderr,
        /granting entitlement network\.host is not allowed by build daemon configuration/,
      );
    }
  });
});

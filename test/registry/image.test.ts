import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { eventually, output, startEngine } from "../engine.ts";
import { makeLayout, skopeo } from "./fixtures.ts";

it("the registry runs as a container, keeps its data in a volume, and collects its garbage", async () => {
  const engine = await startEngine();
  const folder = mkdtempSync(join(tmpdir(), "layout-"));
  try {
    const berth = (...words: string[]) => output(engine.berth, words);
    await berth("image", "make", "registry");
    const inspect = await berth("inspect", "-f", "{{.Config.ExposedPorts}} {{.Config.Volumes}}", "registry");
    assert.match(inspect, /5000\/tcp.*\/var\/lib\/registry/);
    const size = Number(await berth("inspect", "-f", "{{.Size}}", "registry"));
    assert.ok(size < 170e6, `${size} bytes`);

    const run = async () => {
      await berth(
        "run",
        "-d",
        "--name",
        "registry",
        "-p",
        "127.0.0.1:0:5000",
        "-v",
        "images:/var/lib/registry",
        "registry",
      );
      return berth("port", "registry", "5000");
    };
    let host = "";
    const catalog = () =>
      fetch(`http://${host}/v2/_catalog`).then(
        (answer) => answer.json(),
        () => undefined,
      );
    host = await run();
    await eventually(catalog, (answer) => answer !== undefined);
    makeLayout(join(folder, "image"), [100_000]);
    const image = () => `docker://${host}/team/app:v1`;
    await skopeo("copy", "--dest-tls-verify=false", `oci:${folder}/image:made`, image());
    assert.deepEqual(await catalog(), { repositories: ["team/app"] });

    await berth("stop", "registry");
    assert.equal(await berth("inspect", "-f", "{{.State.ExitCode}}", "registry"), "0");
    await berth("rm", "registry");
    host = await run();
    await eventually(catalog, (answer) => answer !== undefined);
    await skopeo("copy", "--src-tls-verify=false", image(), `oci:${folder}/back`);
    const collected = await berth(
      "exec",
      "registry",
      "/usr/bin/node",
      "/usr/lib/berth/cli/main.js",
      "registry",
      "garbage-collect",
    );
    assert.match(collected, /^Removed 0 manifests, 0 blobs, 0 uploads: 0B$/m);
    await berth("rm", "-f", "registry");
    await berth("volume", "rm", "images");
  } finally {
    await engine.stop();
    rmSync(folder, { recursive: true });
  }
});

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { output, useEngine } from "../engine.ts";
import { startRegistry, type TestRegistry } from "../registry/fixtures.ts";

describe("manifest lists", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "manifest-"));
  let registry: TestRegistry;
  let host: string;
  const manifest = (...words: string[]) => output(engine.berth, ["--config", folder, "manifest", ...words]);
  const fail = async (...words: string[]) => {
    const { code, stderr } = await engine.berth(["--config", folder, "manifest", ...words]);
    assert.equal(code, 1);
    return stderr;
  };

  before(async () => {
    registry = await startRegistry();
    host = registry.host;
    for (const name of ["app:amd64", "other/app:arm64"]) {
      await berth("tag", "busybox", `${host}/${name}`);
      await berth("push", "-q", `${host}/${name}`);
    }
  });
  after(async () => {
    await registry.close();
    rmSync(folder, { recursive: true });
  });

  it("are created, annotated, pushed with what they need from other repositories, and pulled by platform", async () => {
    const list = `${host}/app:latest`;
    assert.equal(
      await manifest("create", `${host}/app`, `${host}/app:amd64`, `${host}/other/app:arm64`),
      `Created manifest list ${list}`,
    );
    assert.match(
      await fail("create", list, `${host}/app:amd64`),
      /refusing to amend an existing manifest list/,
    );
    await manifest("create", "--amend", list, `${host}/app:amd64`);
    await manifest(
      "annotate",
      "--arch",
      "arm64",
      "--variant",
      "v8",
      "--os-version",
      "7",
      list,
      `${host}/other/app:arm64`,
    );
    const draft = JSON.parse(await manifest("inspect", list));
    assert.deepEqual(
      draft.manifests.map(({ platform }: { platform: object }) => platform),
      [
        { architecture: "amd64", os: "linux" },
        { architecture: "arm64", os: "linux", variant: "v8", "os.version": "7" },
      ],
    );
    const pushed = await manifest("push", "--purge", list);
    assert.match(
      pushed,
      /^Pushed ref \S+\/app@sha256:\w+ with digest: sha256:\w+\n(?:Pushed ref .*\n)sha256:\w{64}$/,
    );
    assert.match(await fail("push", list), /not found: make it with "manifest create" first/);

    assert.deepEqual(JSON.parse(await manifest("inspect", list)), draft);
    const verbose = JSON.parse(await manifest("inspect", "-v", list));
    assert.deepEqual(Object.keys(verbose[1]).slice(0, 2), ["Ref", "Descriptor"]);
    assert.equal(verbose[1].Descriptor.platform.architecture, "arm64");
    const words = ["inspect", "--format", "{{.Architecture}}"];
    await output(engine.cli("skopeo"), [
      "inspect",
      "--tls-verify=false",
      "--override-arch",
      "arm64",
      `docker://${list}`,
    ]);
    await berth("rmi", "-f", `${host}/app:amd64`, `${host}/other/app:arm64`);
    await berth("pull", "-q", list);
    assert.equal(await berth("image", ...words, list), "amd64");
  });

  it("are shared with docker, which knows the same files", async () => {
    const list = `${host}/app:shared`;
    const docker = (...words: string[]) =>
      output(engine.cli("docker"), ["--config", folder, "manifest", ...words]);
    await manifest("create", list, `${host}/app:amd64`);
    assert.deepEqual(JSON.parse(await docker("inspect", list)), JSON.parse(await manifest("inspect", list)));
    await docker("annotate", "--arch", "riscv64", list, `${host}/app:amd64`);
    assert.equal(JSON.parse(await manifest("inspect", list)).manifests[0].platform.architecture, "riscv64");
    await docker("push", "--insecure", list);
    await manifest("rm", list);
    assert.equal(JSON.parse(await manifest("inspect", list)).manifests[0].platform.architecture, "riscv64");
  });

  it("of a single image shows its manifest", async () => {
    const plain = JSON.parse(await manifest("inspect", `${host}/app:amd64`));
    assert.equal(plain.schemaVersion, 2);
    const full = JSON.parse(await manifest("inspect", "-v", `${host}/app:amd64`));
    assert.equal(full.Descriptor.platform.os, "linux");
  });

  it("are refused with a sentence when they make no sense", async () => {
    assert.match(await fail("inspect", `${host}/none`), /no such manifest|manifest unknown|not found/i);
    assert.match(await fail("create", `${host}/x`, `${host}/app:latest`), /is a manifest list/);
    assert.match(
      await fail("create", `${host}/x`, "localhost:1/app"),
      /cannot use source images from a different registry/,
    );
    assert.match(await fail("annotate", `${host}/x`, `${host}/y`), /does not exist in/);
    assert.match(await fail("rm", `${host}/x`), /No such manifest/);
    assert.ok(!existsSync(join(folder, "manifests", `${host}/x`)));
  });
});

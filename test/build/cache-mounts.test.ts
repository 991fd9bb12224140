import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, startEngine, type TestEngine, useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";

describe("cache mounts", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-cache-mounts-"));
  const archive = join(folder, "npm.tar");
  before(() => berth("image", "make", "busybox"));
  after(() => rmSync(folder, { recursive: true }));
  const mounts = (on: TestEngine, ...words: string[]) => on.berth(["builder", "cache-mount", ...words]);
  async function build(on: TestEngine, command: string, options = "") {
    const dockerfile = `FROM busybox\nRUN --mount=type=cache,id=npm,target=/c${options} ${command}\n`;
    const place = writeFiles(join(folder, "context"), { Dockerfile: dockerfile });
    return on.berth(["build", "--no-cache", "--progress=plain", place]);
  }

  it("are listed, and go to another engine with owners, modes and links", async () => {
    const filled = await build(
      engine,
      "mkdir /c/d && echo one > /c/d/one && chown 5:6 /c/d/one && ln /c/d/one /c/two && ln -s /etc/passwd /c/out",
      ",mode=0750,uid=7,gid=8",
    );
    assert.equal(filled.code, 0, filled.stderr);
    const listed = await mounts(engine, "ls");
    assert.match(listed.stdout, /^ID +NAME +SIZE +IN USE +LAST USED\n\S{25} +npm +\S+B +false +.* ago\n$/);
    assert.equal((await mounts(engine, "export", "-o", archive, "npm")).code, 0);
    const other = await startEngine();
    try {
      await other.berth(["image", "make", "busybox"]);
      const id = (await mounts(other, "import", "npm", archive)).stdout.trim();
      assert.equal((await mounts(other, "ls", "--format", "{{.ID}} {{.Name}}")).stdout, `${id} npm\n`);
      const shown = await build(
        other,
        "stat -c '%a %u:%g %h' /c /c/d/one && cat /c/two && readlink /c/out",
        ",mode=0750,uid=7,gid=8",
      );
      assert.match(shown.stderr, /750 7:8 \d+\n.* 644 5:6 2\n.* one\n.* \/etc\/passwd\n/);
    } finally {
      await other.stop();
    }
  });

  it("are replaced when that is said, and not while a build has them", async () => {
    const twice = await mounts(engine, "import", "npm", archive);
    assert.deepEqual([twice.code, /cache mount npm already exists/.test(twice.stderr)], [1, true]);
    assert.equal((await build(engine, "rm -r /c/d && echo new > /c/new")).code, 0);
    assert.equal((await mounts(engine, "import", "--replace", "npm", archive)).code, 0);
    assert.equal((await mounts(engine, "ls", "-q")).stdout, "npm\n");
    assert.match((await build(engine, "ls /c /c/d")).stderr, /\/c\/d:\n.* one/);
    const running = build(engine, "echo begun > /c/begun && sleep 4");
    await eventually(
      async () => (await mounts(engine, "ls", "--format", "{{.InUse}}")).stdout,
      (text) => text === "true\n",
    );
    for (const words of [
      ["export", "npm"],
      ["import", "--replace", "npm", archive],
    ]) {
      const refused = await mounts(engine, ...words);
      assert.deepEqual(
        [refused.code, /cache mount npm is in use by a build/.test(refused.stderr)],
        [1, true],
      );
    }
    assert.equal((await running).code, 0);
  });

  it("are not made of what is no archive, and lead nowhere else", async () => {
    const bad = join(folder, "bad.tar");
    writeFileSync(bad, "no archive".repeat(1000));
    assert.equal((await mounts(engine, "import", "bad", bad)).code, 1);
    const none = await mounts(engine, "export", "nosuch");
    assert.deepEqual([none.code, /no such cache mount: nosuch/.test(none.stderr)], [1, true]);
    assert.equal((await mounts(engine, "import", "", archive)).code, 1);
    assert.equal((await mounts(engine, "ls", "-q")).stdout, "npm\n");
    assert.match((await mounts(engine)).stderr, /berth builder cache-mount COMMAND/);
  });
});

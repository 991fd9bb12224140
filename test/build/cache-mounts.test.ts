import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, startEngine, type TestEngine, useEngine } from "../engine.ts";
import { makeTar } from "../images/fixtures.ts";
import { writeFiles } from "./context-folder.ts";

describe("cache mounts", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-cache-mounts-"));
  const archive = join(folder, "npm.tar");
  before(() => berth("image", "make", "busybox"));
  after(() => rmSync(folder, { recursive: true }));
  const mounts = (on: TestEngine, ...words: string[]) => on.berth(["builder", "cache-mount", ...words]);
  async function build(on: TestEngine, command: string, options = ",mode=0750,uid=7,gid=8") {
    const dockerfile = `FROM busybox\nRUN --mount=type=cache,id=npm,target=/c${options} ${command}\n`;
    const place = writeFiles(join(folder, "context"), { Dockerfile: dockerfile });
    return on.berth(["build", "--no-cache", "--progress=plain", place]);
  }

  it("are listed, and go to another engine with owners, modes and links", async () => {
    const filled = await build(
      engine,
      "mkdir /c/d && echo one > /c/d/one && chown 5:6 /c/d/one && ln /c/d/one /c/two && ln -s /etc/passwd /c/out",
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
      const shown = await build(other, "stat -c '%a %u:%g %h' /c /c/d/one && cat /c/two && readlink /c/out");
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

  /** An export that nothing is read of yet. */
  const beginExport = (name: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const path = `/berth/build/cache-mounts/export?name=${name}`;
      request({ socketPath: join(engine.execRoot, "berth.sock"), path }, resolve)
        .on("error", reject)
        .end();
    });

  it("stay as they are while they are exported: a build that wants one waits", async () => {
    const write = (word: string) =>
      `rm -rf /c/* && yes ${word} | head -c 20000000 > /c/big && echo ${word} > /c/z`;
    assert.equal((await build(engine, write("first"))).code, 0);
    const leaving = await beginExport("npm");
    const building = build(engine, write("other"));
    // Without the wait it would be done by now, and two files of the tar would be torn.
    assert.equal(await Promise.race([building.then(() => "done"), sleep(5000, "waits")]), "waits");
    const pieces: Buffer[] = [];
    for await (const piece of leaving) pieces.push(piece as Buffer);
    const read = (member: string) =>
      execFileSync("tar", ["-xOf", "-", member], {
        input: Buffer.concat(pieces),
        maxBuffer: 64 << 20,
      }).toString();
    assert.equal(read("./z"), "first\n");
    assert.equal(read("./big"), "first\n".repeat(4_000_000).slice(0, 20_000_000));
    assert.equal((await building).code, 0);
    assert.match((await build(engine, "cat /c/z")).stderr, / other\n/);
  });

  it("are not made of an archive that leads outside, by a name or by a link", async () => {
    const outside = join(folder, "outside");
    writeFiles(outside, { kept: "kept" });
    const link = { name: "way", type: "symlink", linkName: outside } as const;
    for (const [name, members] of [
      ["above", [{ name: "../above", data: "x" }]],
      ["far-above", [{ name: `a/${"../".repeat(20)}${outside}/new`, data: "x" }]],
      ["hard", [{ name: "hard", type: "link", linkName: "../../etc/passwd" }]],
      ["hard-far", [link, { name: "hard", type: "link", linkName: "way/kept" }]],
    ] as const) {
      const file = join(folder, "hostile.tar");
      writeFileSync(file, makeTar(members));
      const refused = await mounts(engine, "import", name, file);
      assert.equal(refused.code, 1, name);
      assert.match(refused.stderr, /escapes the root|leads outside|ENOENT/, name);
    }
    const file = join(folder, "inside.tar");
    writeFileSync(
      file,
      makeTar([{ name: `${outside}/absolute`, data: "x" }, link, { name: "way/through", data: "x" }]),
    );
    const made = await mounts(engine, "import", "inside", file);
    assert.equal(made.code, 0, made.stderr);
    for (const name of ["absolute", "through", "new", "hard"])
      assert.ok(!existsSync(join(outside, name)), name);
    assert.equal((await mounts(engine, "ls", "-q")).stdout, "inside\nnpm\n");
  });

  it("are not made of what is no archive", async () => {
    const bad = join(folder, "bad.tar");
    writeFileSync(bad, "no archive".repeat(1000));
    assert.equal((await mounts(engine, "import", "bad", bad)).code, 1);
    const none = await mounts(engine, "export", "nosuch");
    assert.deepEqual([none.code, /no such cache mount: nosuch/.test(none.stderr)], [1, true]);
    assert.equal((await mounts(engine, "import", "", archive)).code, 1);
    assert.equal((await mounts(engine, "ls", "-q")).stdout, "inside\nnpm\n");
    assert.match((await mounts(engine)).stderr, /berth builder cache-mount COMMAND/);
  });

  it("are writable for the user that a changed line names", async () => {
    const dockerfile = (options: string) =>
      `FROM busybox\nUSER 1000\nRUN --mount=type=cache,target=/owned${options} touch /owned/made\n`;
    const place = writeFiles(join(folder, "owned"), { Dockerfile: dockerfile("") });
    const plain = await engine.berth(["build", "--progress=plain", place]);
    assert.match(plain.stderr, /Permission denied/);
    writeFiles(place, { Dockerfile: dockerfile(",uid=1000") });
    const owned = await engine.berth(["build", "--progress=plain", place]);
    assert.equal(owned.code, 0, owned.stderr);
    assert.match((await mounts(engine, "ls", "-q")).stdout, /^\/owned\n\/owned\n/);
  });
});

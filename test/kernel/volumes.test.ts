import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

describe("mounts", () => {
  const { engine, berth } = useEngine();
  const run = (...words: string[]) => berth("run", "--rm", ...words);

  it("binds a folder or a file of the host, read-write or read-only", async () => {
    const folder = `${engine.folder}/bound`;
    mkdirSync(folder);
    writeFileSync(`${folder}/file`, "content");
    assert.equal(
      await run("-v", `${folder}:/b`, "busybox", "sh", "-c", "cat /b/file; echo new >/b/new"),
      "content",
    );
    assert.equal(readFileSync(`${folder}/new`, "utf8"), "new\n");
    const denied = await engine.berth(["run", "--rm", "-v", `${folder}:/b:ro`, "busybox", "touch", "/b/x"]);
    assert.match(denied.stderr, /Read-only file system/);
    assert.equal(await run("-v", `${folder}/file:/etc/one`, "busybox", "cat", "/etc/one"), "content");
    const fixed = await engine.berth([
      "run",
      "--rm",
      "-v",
      `${folder}/file:/one:ro`,
      "busybox",
      "sh",
      "-c",
      "cat /one; echo >/one",
    ]);
    assert.match(fixed.stdout + fixed.stderr, /^content[\s\S]*Read-only file system/);
    assert.equal(
      await run("--mount", `type=bind,src=${folder},dst=/b,readonly`, "busybox", "cat", "/b/file"),
      "content",
    );
  });

  it("makes a missing source for -v and refuses it for --mount", async () => {
    await run("-v", `${engine.folder}/made/deep:/m`, "busybox", "true");
    assert.ok(existsSync(`${engine.folder}/made/deep`));
    const refused = await engine.berth([
      "run",
      "--rm",
      "--mount",
      `type=bind,src=${engine.folder}/missing,dst=/m`,
      "busybox",
      "true",
    ]);
    assert.equal(refused.code, 125);
    assert.ok(!existsSync(`${engine.folder}/missing`));
  });

  it("keeps a named volume, with what the image had there at first", async () => {
    assert.match(await run("-v", "etc:/etc", "busybox", "cat", "/etc/passwd"), /^root:/);
    await run("-v", "etc:/etc", "busybox", "sh", "-c", "echo changed >/etc/passwd");
    assert.equal(await run("-v", "etc:/x", "busybox", "cat", "/x/passwd"), "changed");
    assert.equal(
      await run("-v", "bare:/etc:nocopy", "busybox", "ls", "/etc/passwd").catch(() => "absent"),
      "absent",
    );
    assert.match((await engine.berth(["volume", "inspect", "nosuch"])).stderr, /no such volume/);
    await berth("volume", "rm", "etc", "bare");
  });

  it("refuses to remove a volume in use, and shares it with --volumes-from", async () => {
    await berth(
      "run",
      "-d",
      "--name",
      "owner",
      "-v",
      "data:/data",
      "-v",
      "/anonymous",
      "busybox",
      "sh",
      "-c",
      "echo x >/data/x; sleep 1000",
    );
    assert.match((await engine.berth(["volume", "rm", "data"])).stderr, /volume is in use/);
    assert.equal(
      await run("--volumes-from", "owner", "busybox", "sh", "-c", "ls -d /data /anonymous; cat /data/x"),
      "/anonymous\n/data\nx",
    );
    const denied = await engine.berth([
      "run",
      "--rm",
      "--volumes-from",
      "owner:ro",
      "busybox",
      "touch",
      "/data/y",
    ]);
    assert.match(denied.stderr, /Read-only/);
    assert.equal((await berth("volume", "ls", "-q")).split("\n").length, 2);
    await berth("rm", "-f", "-v", "owner");
    assert.equal(await berth("volume", "ls", "-q"), "data");
    await berth("volume", "rm", "data");
  });

  it("mounts a tmpfs with its options", async () => {
    assert.match(
      await run("--tmpfs", "/t:size=2m,uid=7", "busybox", "sh", "-c", "df /t | tail -1; stat -c %u /t"),
      / 2048 [\s\S]*7$/,
    );
    assert.match(
      await run(
        "--mount",
        "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770",
        "busybox",
        "stat",
        "-c",
        "%a",
        "/t",
      ),
      /^1770$/,
    );
  });

  it("shows mounts in inspect as Docker does", async () => {
    await berth(
      "create",
      "--name",
      "shown",
      "-v",
      "vol:/v:ro",
      "-v",
      `${engine.folder}/made:/b`,
      "busybox",
      "true",
    );
    const mounts = JSON.parse(await berth("inspect", "-f", "{{json .Mounts}}", "shown"));
    const byTarget = Object.fromEntries(
      mounts.map((mount: { Destination: string }) => [mount.Destination, mount]),
    );
    assert.deepEqual(
      { Type: byTarget["/v"].Type, Name: byTarget["/v"].Name, RW: byTarget["/v"].RW },
      { Type: "volume", Name: "vol", RW: false },
    );
    assert.deepEqual(
      { Type: byTarget["/b"].Type, Source: byTarget["/b"].Source, Propagation: byTarget["/b"].Propagation },
      { Type: "bind", Source: `${engine.folder}/made`, Propagation: "rprivate" },
    );
    await berth("rm", "shown");
    await berth("volume", "rm", "vol");
  });
});

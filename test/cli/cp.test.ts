import assert from "node:assert/strict";
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-cp-"));
const file = (name: string) => join(folder, name);

describe("files of the command line", () => {
  const { engine, berth } = useEngine();
  before(async () => {
    mkdirSync(file("real"));
    writeFileSync(file("real/a"), "content");
    linkSync(file("real/a"), file("real/b"));
    symlinkSync("real", file("link"));
    writeFileSync(file("big"), Buffer.alloc(20 << 20, 1));
    await berth("run", "-d", "--name", "box", "busybox", "sleep", "1000");
  });
  after(() => rmSync(folder, { recursive: true }));

  const list = (path: string) => berth("exec", "box", "find", path);

  for (const [source, target, wanted] of [
    ["link/.", "/t1", "/t1\n/t1/a\n/t1/b"],
    ["link/", "/t2", "/t2\n/t2/a\n/t2/b"],
    ["link/", "/tmp", "/tmp\n/tmp/link\n/tmp/link/a\n/tmp/link/b"],
  ] as const) {
    it(`cp of ${source} to ${target} copies what the link leads to`, async () => {
      await berth("exec", "box", "sh", "-c", "rm -rf /tmp/*");
      await berth("cp", `${folder}/${source}`, `box:${target}`);
      assert.deepEqual((await list(target)).split("\n").sort(), wanted.split("\n").sort());
    });
  }

  it("cp of a link without a slash copies the link, and with -L what it leads to", async () => {
    await berth("cp", file("link"), "box:/l1");
    assert.equal(await berth("exec", "box", "readlink", "/l1"), "real");
    await berth("cp", "-L", file("link"), "box:/l2");
    assert.equal(await berth("exec", "box", "cat", "/l2/a"), "content");
  });

  it("cp keeps hard links, also under a new name", async () => {
    await berth("cp", file("real"), "box:/hard");
    assert.equal(await berth("exec", "box", "stat", "-c", "%h", "/hard/a", "/hard/b"), "2\n2");
    assert.equal(await berth("exec", "box", "cat", "/hard/b"), "content");
  });

  it("a refused cp says why, every time", async () => {
    for (let times = 0; times < 12; times++) {
      const { code, stderr } = await engine.berth(["cp", file("big"), "box:/bin/busybox/x"]);
      assert.deepEqual(
        { code, stderr },
        { code: 1, stderr: "Error response from daemon: extraction point is not a directory\n" },
      );
    }
  });

  it("--cidfile that cannot be written, or is there, makes no container", async () => {
    const before = await berth("ps", "-aq");
    writeFileSync(file("there"), "");
    for (const [path, reason] of [
      [file("none/id"), /failed to create the container ID file: open .*none\/id: no such file or directory/],
      [file("there"), /container ID file found, make sure the other container isn't running or delete/],
    ] as const) {
      for (const verb of ["create", "run"]) {
        const { stderr, code } = await engine.berth([verb, "--cidfile", path, "busybox", "true"]);
        assert.notEqual(code, 0);
        assert.match(stderr, reason);
      }
    }
    assert.equal(await berth("ps", "-aq"), before);
    assert.equal(
      (await engine.berth(["create", "--cidfile", file("id"), "--net", "nosuch:", "-m", "1", "busybox"]))
        .code,
      1,
    );
    assert.equal(existsSync(file("id")), false);
  });

  it("a file of variables that is not UTF-8 is refused with its line", async () => {
    for (const [bytes, line] of [
      [Buffer.from("A=1\nB=\xff\xfe\n", "latin1"), "invalid utf8 bytes at line 2: [66 61 255 254]"],
      [
        Buffer.from("\xff\xfeA\0=\x001\0\n\0", "latin1"),
        "invalid utf8 bytes at line 1: [255 254 65 0 61 0 49 0]",
      ],
    ] as const) {
      writeFileSync(file("vars"), bytes);
      for (const words of [
        ["run", "--env-file", file("vars"), "busybox"],
        ["create", "--label-file", file("vars"), "busybox"],
        ["exec", "--env-file", file("vars"), "box", "true"],
      ]) {
        const { stderr, code } = await engine.berth(words);
        assert.notEqual(code, 0);
        assert.ok(stderr.includes(`invalid env file (${file("vars")}): ${line}`), stderr);
      }
    }
  });
});

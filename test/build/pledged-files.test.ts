import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";

const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;

describe("files of the web of which a Dockerfile says the checksum", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-pledged-"));
  let asked: string[] = [];
  let isAway = false;
  const server = createServer(({ url = "", socket }, response) => {
    asked.push(url);
    if (isAway) socket.destroy();
    else response.end(`content of ${url}`);
  });
  before(async () => {
    await once(server.listen(0, "127.0.0.1"), "listening");
    await berth("image", "make", "busybox");
  });
  beforeEach(() => {
    [asked, isAway] = [[], false];
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  const host = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const adding = (path: string, flags = "") =>
    `ADD ${flags} --checksum=${digestOf(`content of ${path}`)} ${host()}${path} /to/\n`;
  async function build(dockerfile: string, ...words: string[]) {
    const place = writeFiles(join(folder, "context"), { Dockerfile: dockerfile });
    return engine.berth(["build", "--progress=plain", "-t", "app", ...words, place]);
  }
  async function succeed(dockerfile: string, ...words: string[]): Promise<string> {
    const { code, stderr } = await build(dockerfile, ...words);
    assert.equal(code, 0, stderr);
    return stderr;
  }

  it("are not asked for where the copy has been made, also by a daemon that was killed since", async () => {
    const dockerfile = `FROM busybox\nRUN echo base > /base\n${adding("/one")}RUN cat /to/one > /copied\n`;
    await succeed(dockerfile);
    assert.deepEqual(asked, ["/one"]);
    for (const isRestarted of [false, true]) {
      if (isRestarted) await engine.restart("SIGKILL");
      [asked, isAway] = [[], true];
      const again = await succeed(dockerfile);
      assert.match(again, /^#\d+ \[\d+\/\d+\] ADD .*\n#\d+ CACHED$/m);
      assert.deepEqual(asked, []);
      assert.equal(await berth("run", "--rm", "app", "cat", "/copied"), "content of /one");
    }
  });

  it("are asked for where the base, the checksum, the place or the address is another, and with --no-cache", async () => {
    const first = `FROM busybox\n${adding("/two")}`;
    await succeed(first);
    const others = [
      first.replace("busybox\n", "busybox\nRUN echo other > /base\n"),
      first.replace("/to/", "/elsewhere/"),
      first.replace("/two /", "/three /").replace(digestOf("content of /two"), digestOf("content of /three")),
      first.replace("ADD", "ADD --chmod=600"),
      first.replace("http://", "http://user:secret@").replace("/two /", "/two?more /"),
    ];
    for (const [at, other] of others.slice(0, 4).entries()) {
      asked = [];
      await succeed(other);
      assert.equal(asked.length, 1, `${at}`);
    }
    asked = [];
    await succeed(first, "--no-cache");
    assert.equal(asked.length, 1);
    asked = [];
    assert.match((await build(others[4] as string)).stderr, /digest mismatch/);
    assert.deepEqual(asked, ["/two?more"]);
    asked = [];
    const wrong = await build(first.replace(/sha256:\w{4}/, "sha256:0000"));
    assert.match(wrong.stderr, /digest mismatch/);
    assert.equal(asked.length, 1);
  });

  it("are there on any base with --link", async () => {
    const linked = (base: string) => `FROM busybox\nRUN echo ${base} > /base\n${adding("/four", "--link")}`;
    await succeed(linked("a"));
    [asked, isAway] = [[], true];
    for (const base of ["b", "c", "b"]) {
      await succeed(linked(base));
      assert.equal(
        await berth("run", "--rm", "app", "cat", "/base", "/to/four"),
        `${base}\ncontent of /four`,
      );
    }
    assert.deepEqual(asked, []);
  });

  it("are named by what is said of how the image was made, fetched or not", async () => {
    const dockerfile = `FROM scratch\n${adding("/five")}`;
    for (const round of ["one", "two"]) {
      const dest = join(folder, round);
      await succeed(dockerfile, "--provenance=true", "-o", `type=local,dest=${dest}`);
      const { predicate } = JSON.parse(readFileSync(join(dest, "provenance.json"), "utf8"));
      const digest = { sha256: digestOf("content of /five").slice("sha256:".length) };
      assert.deepEqual(predicate.materials, [{ uri: `${host()}/five`, digest }]);
      assert.deepEqual(asked, ["/five"]);
    }
  });
});

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { digestOf } from "../../src/formats/digest.ts";
import { createContent, serveContent, startDockerRegistry, startServer } from "../distribution/fixtures.ts";
import { eventually, output, useEngine } from "../engine.ts";
import { makeTar } from "../images/fixtures.ts";
import { addImage } from "../images/pull-fixtures.ts";
import { stockDockers } from "../stock-docker.ts";

const clients = ["berth", ...stockDockers];

describe("clients, docker-registry with a password, and skopeo", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-clients-"));
  let registry: Awaited<ReturnType<typeof startDockerRegistry>>;

  before(async () => {
    writeFileSync(join(folder, "htpasswd"), execFileSync("htpasswd", ["-Bbn", "u", "secret"]));
    registry = await startDockerRegistry({
      auth: { htpasswd: { realm: "x", path: join(folder, "htpasswd") } },
    });
    const auths = { [registry.host]: { auth: Buffer.from("u:secret").toString("base64") } };
    writeFileSync(join(folder, "config.json"), JSON.stringify({ auths }));
  });
  after(async () => {
    await registry[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const cli = (program: string) => (program === "berth" ? engine.berth : engine.cli(program));

  for (const program of clients) {
    it(`${program}: push, pull, run of what is not here, and the same digest for skopeo`, async () => {
      const run = (...words: string[]) => output(cli(program), ["--config", folder, ...words]);
      const name = `${registry.host}/team/box:${program.length}`;
      await berth("tag", "busybox", name);
      const pushed = await run("push", name);
      assert.match(pushed, /^The push refers to repository \[127\.0\.0\.1:\d+\/team\/box\]\n/m);
      const digest = /digest: (sha256:\w+) size: \d+/.exec(pushed)?.[1];
      const flags = ["--tls-verify=false", "--creds", "u:secret"];
      const seen = execFileSync("skopeo", [
        "inspect",
        ...flags,
        "--format",
        "{{.Digest}}",
        `docker://${name}`,
      ]);
      assert.equal(seen.toString().trim(), digest);

      await berth("rmi", name);
      const pulled = await run("pull", name);
      assert.match(
        pulled,
        new RegExp(`^Digest: ${digest}\nStatus: Downloaded newer image for ${name}\n`, "m"),
      );
      assert.match(await run("pull", "-q", `${registry.host}/team/box@${digest}`), /team\/box@sha256/);
      assert.match(await run("images", "--digests"), new RegExp(digest ?? ""));
      await berth("rmi", "-f", name);
      assert.equal(await run("run", "--rm", name, "echo", "hello"), "hello");
      await berth("rmi", "-f", name);
    });

    it(`${program}: without the password, a missing tag, a name in capitals`, async () => {
      const fail = async (...words: string[]) => (await cli(program)(words)).stderr;
      await berth("tag", "busybox", `${registry.host}/team/box:1`);
      assert.match(await fail("push", `${registry.host}/team/box:1`), /no basic auth credentials/);
      assert.match(await fail("pull", `${registry.host}/team/box:1`), /no basic auth credentials/);
      const missing = await fail("--config", folder, "pull", `${registry.host}/team/box:missing`);
      assert.match(missing, /manifest for 127\.0\.0\.1:\d+\/team\/box:missing not found: manifest unknown/);
      assert.match(await fail("pull", `${registry.host}/Team/box`), /must be lowercase/);
      assert.match(
        await fail("pull", "127.0.0.1:1/x"),
        /dial tcp 127\.0\.0\.1:1: connect: connection refused/,
      );
    });
  }

  it("POST /auth and GET /distribution", async () => {
    const ask = (password: string) =>
      engine.api("POST", "/auth", { username: "u", password, serveraddress: registry.host });
    assert.deepEqual(JSON.parse((await ask("secret")).body), {
      Status: "Login Succeeded",
      IdentityToken: "",
    });
    assert.equal((await ask("wrong")).status, 401);
    const name = `${registry.host}/team/box:${"berth".length}`;
    const { status, body } = await engine.api("GET", `/distribution/${name}/json`);
    assert.deepEqual([status, JSON.parse(body).message], [500, "no basic auth credentials"]);
  });

  it("a client that goes away in the middle takes its download along, and leaves nothing to complain of", async () => {
    const content = createContent();
    const tar = makeTar([{ name: "a", data: randomBytes(1 << 20) }]);
    addImage(content, "1", [{ tar, compression: "none" }]);
    const serve = serveContent(content);
    let isClosed = false;
    await using server = await startServer((input, output) => {
      if (!input.url?.endsWith(digestOf(tar))) return serve(input, output);
      output.once("close", () => {
        isClosed = true;
      });
      output.write(tar.subarray(0, 1000));
    });
    const client = spawn(stockDockers.at(-1)!, ["-H", engine.host, "pull", `${server.host}/x:1`], {
      stdio: "ignore",
    });
    await eventually(() => server.requests.some((one) => one.endsWith(digestOf(tar))), Boolean);
    const ended = once(client, "exit");
    client.kill("SIGINT");
    await ended;
    await eventually(() => isClosed, Boolean);
    await eventually(
      async () => (await engine.api("GET", "/berth/system/check")).body.trim(),
      (body) => body === "[]",
    );
  });
});

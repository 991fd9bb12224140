import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createContent, serveContent, startServer, type TestServer } from "../distribution/fixtures.ts";
import { eventually, output, startEngine, type TestEngine } from "../engine.ts";
import { makeTar } from "../images/fixtures.ts";
import { addImage } from "../images/pull-fixtures.ts";

describe("a configuration that is read again", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-reload-"));
  const file = join(folder, "daemon.json");
  let engine: TestEngine;
  let server: TestServer;

  const log = () => readFileSync(join(engine.folder, "daemon.log"), "utf8");
  const configure = async (text: string) => {
    const known = log().length;
    writeFileSync(file, text);
    process.kill(engine.pid(), "SIGHUP");
    return eventually(
      () => log().slice(known),
      (lines) => /reloaded/.test(lines),
    );
  };
  const info = async () => JSON.parse((await engine.api("GET", "/info")).body);

  before(async () => {
    const content = createContent();
    addImage(content, "1", [{ tar: makeTar([{ name: "a", data: "a" }]) }]);
    server = await startServer(serveContent(content));
    writeFileSync(file, JSON.stringify({ "registry-mirrors": ["http://127.0.0.1:1"], labels: ["a=b"] }));
    engine = await startEngine(["--config-file", file]);
  });
  after(async () => {
    await engine.stop(/not reloaded/);
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  it("is what info shows from the start", async () => {
    const { RegistryConfig, IndexServerAddress } = await info();
    assert.deepEqual(RegistryConfig.Mirrors, ["http://127.0.0.1:1/"]);
    assert.deepEqual(RegistryConfig.InsecureRegistryCIDRs, ["127.0.0.0/8", "::1/128"]);
    assert.equal(IndexServerAddress, "https://index.docker.io/v1/");
  });

  it("takes effect without a restart, tells what changed, and shows no password", async () => {
    const pid = engine.pid();
    const lines = await configure(
      JSON.stringify({
        debug: true,
        "registry-mirrors": [`registry.invalid=http://${server.host}`],
        "insecure-registries": ["10.1.0.0/16", "other.invalid:5000"],
        "max-concurrent-downloads": 7,
        "image-keep-compressed-layers": false,
        proxies: { "http-proxy": "http://u:secret@proxy.invalid:3128", "no-proxy": "10.0.0.0/8" },
      }),
    );
    assert.match(lines, /configuration reloaded/);
    assert.match(lines, /"downloads":7/);
    assert.match(lines, /"keepsCompressed":false/);
    assert.doesNotMatch(lines, /secret/);
    const { RegistryConfig, HttpProxy, NoProxy, Debug } = await info();
    assert.equal(HttpProxy, "http://xxxxx:xxxxx@proxy.invalid:3128");
    assert.deepEqual([NoProxy, Debug, RegistryConfig.Mirrors], ["10.0.0.0/8", true, null]);
    assert.deepEqual(RegistryConfig.IndexConfigs["other.invalid:5000"].Secure, false);
    const { body } = await engine.api(
      "GET",
      `/events?until=${Date.now() / 1000 + 1}&filters={"type":["daemon"]}`,
    );
    const { ID } = await info();
    const [event] = body
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .slice(-1);
    assert.deepEqual(
      [event.Type, event.Action, event.Actor.ID, event.scope],
      ["daemon", "reload", ID, "local"],
    );
    const { name, runtimes: _, ...attributes } = event.Actor.Attributes;
    assert.equal(name, hostname());
    assert.deepEqual(attributes, {
      ...{ debug: "true", labels: "[]", "live-restore": "true", "default-runtime": "crun" },
      ...{ "max-concurrent-downloads": "7", "max-concurrent-uploads": "5", "max-download-attempts": "5" },
      "insecure-registries": '["10.1.0.0/16","other.invalid:5000"]',
      "registry-mirrors": "[]",
    });
    // A mirror of a registry that is not there.
    await output(engine.berth, ["pull", "registry.invalid/x:1"]);
    assert.equal(engine.pid(), pid);
  });

  it("stays as it was when the new one cannot be read", async () => {
    const before = await info();
    for (const bad of [
      "{",
      '{"registry-mirrors": ["ftp://x"]}',
      '{"max-concurrent-uploads": 0}',
      '{"image-keep-compressed-layers": "perhaps"}',
      '{"labels": ["half=done"], "log-level": "verbose"}',
    ]) {
      assert.match(await configure(bad), /not reloaded/);
    }
    assert.deepEqual((await info()).RegistryConfig, before.RegistryConfig);
    assert.deepEqual((await info()).Labels, before.Labels);
  });

  it("names what needs a restart, also of what is the daemon's own", async () => {
    const lines = await configure('{"metrics-addr": "127.0.0.1:1", "tlscacert": "/x", "mtu": 1400}');
    assert.match(lines, /"keys":\["networks","metrics-addr","tlscacert"\],"msg":"[^"]*need a restart/);
  });

  it("brings runtimes with words of their own, and tells clients which builder to take", async () => {
    const [program, words] = [join(folder, "runtime"), join(folder, "words")];
    writeFileSync(program, `#!/bin/sh\necho "$1" >>${words}\nshift\nexec crun "$@"\n`, { mode: 0o755 });
    const builder = async () => (await engine.api("GET", "/_ping")).headers["builder-version"];
    assert.equal(await builder(), "2");
    const runtimes = { own: { path: program, runtimeArgs: ["--first word"] } };
    await configure(JSON.stringify({ runtimes, features: { buildkit: false } }));
    assert.equal(await builder(), "1");
    assert.deepEqual((await info()).Runtimes.own, runtimes.own);
    await output(engine.berth, ["image", "make", "busybox"]);
    assert.equal(
      await output(engine.berth, ["run", "--rm", "--runtime", "own", "busybox", "echo", "hi"]),
      "hi",
    );
    assert.deepEqual([...new Set(readFileSync(words, "utf8").trim().split("\n"))], ["--first word"]);
  });

  it("has builds run by the new default runtime and ask the new name servers", async () => {
    const [program, words, context] = ["step-runtime", "step-words", "context"].map((name) =>
      join(folder, name),
    );
    writeFileSync(program!, `#!/bin/sh\necho "$*" >>${words}\nexec crun "$@"\n`, { mode: 0o755 });
    await configure(
      JSON.stringify({
        runtimes: { step: { path: program } },
        "default-runtime": "step",
        dns: ["192.0.2.53"],
      }),
    );
    mkdirSync(context!);
    writeFileSync(join(context!, "Dockerfile"), "FROM busybox\nRUN cat /etc/resolv.conf\n");
    const { code, stderr } = await engine.berth(["build", "--progress", "plain", "--no-cache", context!]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /nameserver 192\.0\.2\.53/);
    assert.ok(existsSync(words!), "the step ran by it");
  });
});

describe("a runtime that is taken out of the configuration", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-reload-"));
  const file = join(folder, "daemon.json");
  const configureOther = () =>
    writeFileSync(file, JSON.stringify({ runtimes: { other: { path: "/usr/bin/crun" } } }));
  let engine: TestEngine;

  before(async () => {
    configureOther();
    engine = await startEngine(["--config-file", file]);
  });
  after(async () => {
    await engine.stop();
    rmSync(folder, { recursive: true });
  });

  it("keeps no container of it from being removed, and no check from being made", async () => {
    const berth = (...words: string[]) => output(engine.berth, words);
    await berth("image", "make", "busybox");
    await berth("create", "--runtime", "other", "--name", "created", "busybox", "true");
    await berth("run", "--runtime", "other", "--name", "ended", "busybox", "true");
    await berth("run", "-d", "--runtime", "other", "--name", "runs", "busybox", "sleep", "1000");
    writeFileSync(file, "{}");
    await engine.restart("SIGTERM");
    assert.deepEqual(JSON.parse((await engine.api("GET", "/berth/system/check")).body), []);
    await berth("rm", "created", "ended");
    const refused = await engine.berth(["rm", "-f", "runs"]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /runtime other is no longer configured and has left .*: add it/);
    configureOther();
    await engine.restart("SIGTERM");
    await berth("rm", "-f", "runs");
  });
});

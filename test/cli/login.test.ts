import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Cli } from "../../src/cli/cli.ts";
import { findAuthAt } from "../../src/cli/login/credentials.ts";
import { decodeRegistryAuth } from "../../src/formats/registry-auth.ts";
import { output, useEngine } from "../engine.ts";
import { startRegistry, type TestRegistry } from "../registry/fixtures.ts";

describe("logging in", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "login-"));
  const configFile = join(folder, "config.json");
  let registry: TestRegistry;
  let image: string;
  const login = (words: string[], password: string) =>
    engine.berth(["--config", folder, "login", ...words, registry.host], { input: password });
  const push = () => engine.berth(["--config", folder, "push", "-q", image]);
  const readConfig = () => JSON.parse(readFileSync(configFile, "utf8"));

  before(async () => {
    registry = await startRegistry({
      checkPassword: async (user, password) => user === "anna" && password === "s3cret:with:colons",
    });
    image = `${registry.host}/mine:1`;
    await berth("tag", "busybox", image);
  });
  after(async () => {
    await registry.close();
    rmSync(folder, { recursive: true });
  });

  it("is refused with a wrong password, and then nothing is kept", async () => {
    const { code, stderr } = await login(["-u", "anna", "--password-stdin"], "wrong\n");
    assert.equal(code, 1);
    assert.match(stderr, /login attempt to http:\/\/[\d.:]+\/v2\/ failed with status: 401 Unauthorized$/m);
    assert.equal(existsSync(configFile), false);
    assert.match((await push()).stderr, /no basic auth credentials|authentication required|unauthorized/);
  });

  it("wants a user and a password, and says so where nobody can be asked", async () => {
    assert.match(
      (await login(["--password-stdin"], "x")).stderr,
      /the --password-stdin option requires --username to be set/,
    );
    assert.match(
      (await login(["-u", "anna", "-p", "x", "--password-stdin"], "x")).stderr,
      /conflicting options: cannot specify both --password and --password-stdin/,
    );
    assert.match(
      (await login(["-u", "anna"], "")).stderr,
      /Cannot perform an interactive login from a non TTY device/,
    );
  });

  it("keeps the login where docker finds it, and what else is in config.json", async () => {
    mkdirSync(join(folder, "elsewhere"));
    writeFileSync(join(folder, "elsewhere/real.json"), '{"psFormat": "{{.ID}}", "unknown": {"a": [1]}}');
    symlinkSync("elsewhere/real.json", configFile);
    const { code, stdout, stderr } = await login(["-u", "anna", "--password-stdin"], "s3cret:with:colons\n");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Login Succeeded$/m);
    assert.match(stderr, /stored unencrypted in .*config\.json/);
    assert.ok(lstatSync(configFile).isSymbolicLink());
    assert.equal(statSync(configFile).mode & 0o777, 0o600);
    assert.deepEqual(readConfig().unknown, { a: [1] });
    assert.deepEqual(Object.keys(readConfig().auths), [registry.host]);
    assert.equal((await push()).code, 0);
    await output(engine.cli("docker"), ["--config", folder, "pull", "-q", image]);
    assert.match(
      (await login([], "")).stdout,
      /Authenticating with existing credentials...\nLogin Succeeded/,
    );
  });

  it("takes over docker's login, and forgets it again", async () => {
    const logout = (program: "berth" | "docker") =>
      output(program === "berth" ? engine.berth : engine.cli("docker"), [
        "--config",
        folder,
        "logout",
        registry.host,
      ]);
    assert.equal(await logout("berth"), `Removing login credentials for ${registry.host}`);
    assert.deepEqual(readConfig(), { psFormat: "{{.ID}}", unknown: { a: [1] }, auths: {} });
    assert.notEqual((await push()).code, 0);
    // Docker 26 loses its way in a relative link.
    rmSync(configFile);
    symlinkSync(join(folder, "elsewhere/real.json"), configFile);
    const words = ["--config", folder, "login", "-u", "anna", "--password-stdin", registry.host];
    await output(engine.cli("docker"), words, "s3cret:with:colons");
    assert.equal((await push()).code, 0);
    await logout("docker");
    assert.notEqual((await push()).code, 0);
    await logout("berth");
  });

  it("finds what docker finds, however it was kept, and forgets all of it", async () => {
    const auth = Buffer.from("anna:s3cret:with:colons").toString("base64");
    const plain = { username: "anna", password: "s3cret:with:colons" };
    const { host } = registry;
    const kept = [{ [`https://${host}/v2/`]: { auth } }, { [`http://${host}`]: { auth } }, { [host]: plain }];
    for (const auths of kept) {
      writeFileSync(configFile, JSON.stringify({ auths: { other: { auth: "" }, ...auths } }));
      assert.equal((await push()).code, 0, JSON.stringify(auths));
      await output(engine.berth, ["--config", folder, "logout", host]);
      assert.deepEqual(readConfig().auths, { other: { auth: "" } });
    }
    assert.notEqual((await push()).code, 0);
    try {
      process.env.DOCKER_AUTH_CONFIG = JSON.stringify({ auths: { [host]: { auth } } });
      assert.equal((await push()).code, 0);
      process.env.DOCKER_AUTH_CONFIG = JSON.stringify({ auths: { [host]: plain } });
      assert.match(
        (await push()).stderr,
        /^Failed to create credential store from DOCKER_AUTH_CONFIG: .*missing key `auth`/,
      );
    } finally {
      delete process.env.DOCKER_AUTH_CONFIG;
    }
    const tokens = { auths: { [host]: { registrytoken: "t" } } };
    const sent = await findAuthAt({ config: tokens, env: {} } as unknown as Cli, host);
    assert.equal(decodeRegistryAuth(sent).registryToken, "t");
    rmSync(configFile);
    mkdirSync(configFile);
    assert.match((await push()).stderr, /^WARNING: Error loading config file: /);
    rmSync(configFile, { recursive: true });
  });

  it("goes with the engine's socket into a container, and no socket of elsewhere does", async () => {
    const login = { auth: Buffer.from("anna:s3cret").toString("base64") };
    const plain = { username: "u", password: "p" };
    const kept = { "a.example": login, "https://b.example/v2/": plain, "c.example": { identitytoken: "t" } };
    writeFileSync(configFile, JSON.stringify({ auths: kept, psFormat: "x" }));
    const run = (...words: string[]) =>
      output(engine.berth, ["--config", folder, "run", "--rm", "--use-api-socket", ...words]);
    const show = ["busybox", "sh", "-c", "test -S /var/run/docker.sock; cat $DOCKER_CONFIG/config.json"];
    assert.deepEqual(JSON.parse(await run(...show)), {
      auths: {
        "a.example": login,
        "https://b.example/v2/": { auth: Buffer.from("u:p").toString("base64") },
        "c.example": { auth: Buffer.from(":").toString("base64"), identitytoken: "t" },
      },
    });
    assert.equal(
      await run("-e", "DOCKER_CONFIG=/own", "busybox", "sh", "-c", "echo $DOCKER_CONFIG; ls /run 2>&-; true"),
      "/own",
    );
    rmSync(configFile);
    assert.equal(await run("busybox", "sh", "-c", "echo $DOCKER_CONFIG"), "");
    const { code, stderr } = await engine.berth([
      "-H",
      "tcp://127.0.0.1:1",
      "create",
      "--use-api-socket",
      "busybox",
    ]);
    assert.deepEqual(
      [code, /--use-api-socket needs an engine at a unix socket/.test(stderr)],
      [1, true],
      stderr,
    );
  });

  it("leaves it to a credential helper, where one is named", async () => {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    const kept = join(folder, "kept");
    const helper = join(bin, "docker-credential-test");
    writeFileSync(
      helper,
      `#!/bin/sh
case "$1" in
store) cat >${kept} ;;
get) read -r server; grep -qs "$server" ${kept} && cat ${kept} || { echo credentials not found in native keychain; exit 1; } ;;
erase) rm -f ${kept} ;;
esac
`,
    );
    chmodSync(helper, 0o755);
    const path = process.env.PATH;
    try {
      process.env.PATH = `${bin}:${path}`;
      writeFileSync(configFile, JSON.stringify({ credHelpers: { [registry.host]: "test" } }));
      assert.notEqual((await push()).code, 0);
      const { code, stderr } = await login(["-u", "anna", "--password-stdin"], "s3cret:with:colons");
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /unencrypted/);
      assert.equal(JSON.parse(readFileSync(kept, "utf8")).Username, "anna");
      assert.doesNotMatch(readFileSync(configFile, "utf8"), /auths/);
      assert.equal((await push()).code, 0);
      await output(engine.berth, ["--config", folder, "logout", registry.host]);
      assert.notEqual((await push()).code, 0);
    } finally {
      process.env.PATH = path;
    }
    writeFileSync(configFile, JSON.stringify({ credsStore: "missing" }));
    assert.match((await push()).stderr, /docker-credential-missing cannot be run: install it or/);
    // An empty name has this one login in config.json.
    const auths = { [registry.host]: { auth: Buffer.from("anna:s3cret:with:colons").toString("base64") } };
    writeFileSync(
      configFile,
      JSON.stringify({ credsStore: "missing", credHelpers: { [registry.host]: "" }, auths }),
    );
    assert.equal((await push()).code, 0);
  });
});

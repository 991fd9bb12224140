import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { ask, logIn, sendRaw, startUi, type UiServer } from "./server.ts";

/** A page that was not started by `startUi`, as its helpers want it. */
function serverAt(port: number, token: () => string): UiServer {
  const used = new Set<string>();
  return {
    ...{ origin: `http://127.0.0.1:${port}`, port, token, output: () => "", stop: async () => {} },
    async freshToken() {
      const fresh = await eventually(token, (one) => one !== "" && !used.has(one));
      used.add(fresh);
      return fresh;
    },
  };
}

const lastToken = (text: string) => [...text.matchAll(/#([\w-]{43})/g)].at(-1)?.[1] ?? "";

describe("the page as a container, as guides start it", () => {
  const { engine, berth } = useEngine();

  it("serves the engine whose socket it is given, and logs token and warning", async () => {
    await berth("image", "make", "ui");
    const socket = engine.host.slice("unix://".length);
    await berth(
      "run",
      "-it",
      "-d",
      "--name",
      "docker-web",
      "-p",
      "127.0.0.1:0:9000",
      "-v",
      `${socket}:/var/run/docker.sock`,
      "berth-ui",
    );
    const port = Number((await berth("port", "docker-web", "9000")).split(":").at(-1));
    let log = "";
    const read = async () => {
      log = await berth("logs", "docker-web");
      return log;
    };
    await eventually(read, (text) => lastToken(text) !== "");
    assert.match(log, /WARNING: The page is served on 0\.0\.0\.0 without encryption/);
    const ui = serverAt(port, () => lastToken(log));
    const { headers } = await logIn(ui);
    const { body } = await ask(ui, "GET", "/api/containers/json", { headers });
    assert.deepEqual(JSON.parse(body)[0].Names, ["/docker-web"]);
    assert.match((await ask(ui, "GET", "/")).body, /main-\w+\.js/);
    await eventually(read, (text) => text.includes("Logged in."));
    await berth("stop", "docker-web");
    assert.equal(await berth("inspect", "-f", "{{.State.ExitCode}}", "docker-web"), "0");
    await berth("rm", "-f", "-v", "docker-web");
    await berth("rmi", "berth-ui");
  });
});

describe("the page that the daemon serves", () => {
  const { engine, berth } = useEngine(undefined, ["--ui", "127.0.0.1:0"]);

  it("is there as long as the daemon is, and only root's file has its token", async () => {
    const file = join(engine.execRoot, "ui-login");
    const entry = () => (existsSync(file) ? readFileSync(file, "utf8") : "");
    // The engine answers before the page is served.
    const find = async () => {
      const address = await eventually(entry, (text) => lastToken(text) !== "");
      return serverAt(Number(new URL(address).port), () => lastToken(entry()));
    };
    const ui = await find();
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const before = await logIn(ui);
    const { headers } = before;
    assert.equal(JSON.parse((await ask(ui, "GET", "/api/info", { headers })).body).Driver, "overlay2");
    await engine.restart("SIGTERM");
    const again = await find();
    const after = await logIn(again);
    assert.equal((await ask(again, "GET", "/api/info", { headers: after.headers })).status, 200);
    // Under the name that a cookie has on the new port, or it would not be looked at.
    const cookie = before.cookie.replace(`-${ui.port}=`, `-${again.port}=`);
    const old = { ...headers, Cookie: cookie };
    assert.equal((await ask(again, "GET", "/api/info", { headers: old })).status, 401);
    const log = readFileSync(join(engine.folder, "daemon.log"), "utf8");
    assert.match(log, /the web page is served/);
    assert.match(log, /a login to the web page/);
    assert.equal(lastToken(log), "");
    assert.equal(await berth("ps", "-q"), "");
  });
});

describe("where the page listens", () => {
  const run = (words: string[]) =>
    startUi("unix:///nowhere/x.sock", words).then((ui) => ui.stop().then(() => ui.output()));

  it("is this machine alone, unless a flag says what that means", async () => {
    await assert.rejects(
      run(["--listen", "0.0.0.0:0"]),
      /without TLS would send tokens and passwords unencrypted/,
    );
    await assert.rejects(run(["--listen", "[::]:0"]), /without TLS/);
    await assert.rejects(run(["--listen", "x"]), /invalid address "x"/);
    assert.match(
      await run(["--listen", "0.0.0.0:0", "--insecure-listen"]),
      /WARNING: The page is served on 0\.0\.0\.0/,
    );
  });

  it("is known by the names that were given", async () => {
    const ui = await startUi("unix:///nowhere/x.sock", ["--host-name", "berth.example.com"]);
    const raw = (host: string) => sendRaw(ui, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.match(await raw(`berth.example.com:${ui.port}`), /^HTTP\/1\.1 200 /);
    assert.match(await raw(`www.berth.example.com:${ui.port}`), /^HTTP\/1\.1 421 /);
    await ui.stop();
  });
});

it("the page is light: 250 kB compressed, all of it", () => {
  const folder = join(import.meta.dirname, "../../dist/ui");
  const index = readFileSync(join(folder, "index.html"), "utf8");
  assert.doesNotMatch(index, /https?:\/\//);
  const sizes = ["index.html", ...chunksFrom(folder, index)].map(
    (name) => readFileSync(join(folder, `${name}.br`)).length,
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(sizes.length >= 5 && total < 250_000, `${sizes.length} files, ${total} bytes`);
});

/** Files that a page leads to, and those that they lead to. */
function chunksFrom(folder: string, text: string, found: Set<string> = new Set()): string[] {
  for (const [name] of text.matchAll(/[\w-]+-[A-Z0-9]{8}\.(?:js|css)/g)) {
    if (found.has(name)) continue;
    found.add(name);
    chunksFrom(folder, readFileSync(join(folder, name), "utf8"), found);
  }
  return [...found];
}

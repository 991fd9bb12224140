import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "bt-config-"));
after(() => rmSync(home, { recursive: true }));
const config = join(home, ".docker");
mkdirSync(config);
const configure = (content: object | string) =>
  writeFileSync(join(config, "config.json"), typeof content === "string" ? content : JSON.stringify(content));

const own = [process.execPath, "--", main];

function run(program: readonly string[], host: string, words: string[], env: Record<string, string> = {}) {
  const [command = "", ...rest] = [...program, "--config", config, "-H", host, ...words];
  const { status, stdout, stderr } = spawnSync(command, rest, {
    env: { PATH: process.env.PATH ?? "", HOME: home, ...env },
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, stdout, stderr: stderr.replaceAll("docker: ", "berth: ") };
}

describe("Docker's config.json", () => {
  const { engine, berth } = useEngine();
  before(async () => {
    await berth("image", "make", "busybox");
    await berth("network", "create", "--label", "a=b", "own");
    await berth("volume", "create", "data");
    await berth("run", "-d", "--name", "web", "busybox", "sleep", "1000");
  });

  const formats = {
    psFormat: "{{.Names}} {{.Image}}",
    imagesFormat: "table {{.Repository}}\\t{{.Tag}}",
    networksFormat: '{{.Name}}:{{.Label "a"}}',
    volumesFormat: "json",
    statsFormat: "{{.Name}} {{.PIDs}}",
  };
  const rawFormats = {
    imagesFormat: "raw",
    networksFormat: "raw",
    volumesFormat: "raw",
    psFormat: "{{.ID}}",
    statsFormat: "{{.ID}}",
  };
  it("is read as far as it can be: a member that is wrong leads to no other engine", () => {
    const env = { PATH: process.env.PATH ?? "", HOME: home };
    for (const broken of [
      { features: { buildkit: true } },
      { HttpHeaders: { a: 5, b: "c" } },
      { plugins: 7 },
      { psFormat: ["x"] },
      { proxies: { default: { httpProxy: 1 } } },
    ]) {
      configure({ ...broken, currentContext: "far" });
      for (const [command = "", ...words] of [...stockDockers.map((program) => [program]), own]) {
        // The oldest has no such command.
        if (command === "/usr/bin/docker") continue;
        const all = [...words, "--config", config, "context", "show"];
        const { stdout } = spawnSync(command, all, { env, encoding: "utf8", timeout: 60_000 });
        assert.equal(stdout.trim(), "far", `${command}: ${JSON.stringify(broken)}`);
      }
    }
  });

  const lists = [
    ["ps"],
    ["ps", "-q"],
    ["ps", "--format", "x{{.Names}}"],
    ["container", "ls", "-a"],
    ["images"],
    ["images", "-q"],
    ["network", "ls"],
    ["network", "ls", "-q"],
    ["volume", "ls"],
    ["volume", "ls", "-q"],
    ["stats", "--no-stream"],
    ["stats", "--no-stream", "--format", "{{.Container}}", "web"],
  ];

  // An older one has other columns.
  for (const docker of stockDockers.filter((path) => path.includes("peers"))) {
    it(`says how lists look, as with ${docker.split("/").at(-2)}`, () => {
      for (const given of [formats, rawFormats]) {
        configure(given);
        for (const words of lists) {
          const ours = run(own, engine.host, words);
          const theirs = run([docker], engine.host, words);
          assert.deepEqual([ours.status, ours.stdout], [theirs.status, theirs.stdout], words.join(" "));
        }
      }
    });
  }

  const newest = stockDockers.at(-1);
  it("counts as none where it is damaged, in Docker's words", (context) => {
    if (!newest) return context.skip("no stock command line");
    for (const content of [
      { psFormat: 5 },
      { HttpHeaders: [1] },
      { proxies: 5 },
      { proxies: { default: { httpProxy: 1 } } },
      { plugins: { x: { hooks: 5 } } },
      { detachKeys: ["a"] },
    ]) {
      configure(content);
      const ours = run(own, engine.host, ["ps", "-q"]);
      const theirs = run([newest], engine.host, ["ps", "-q"]);
      assert.deepEqual(ours, theirs, JSON.stringify(content));
      assert.match(ours.stderr, /^WARNING: Error parsing config file \(.*\): json: cannot unmarshal/);
    }
    configure("{broken");
    const { status, stderr } = run(own, engine.host, ["ps", "-q"]);
    assert.equal(status, 0);
    assert.match(stderr, /^WARNING: Error parsing config file/);
  });

  it("gives headers to each request, unless the environment has others", async () => {
    const seen: NodeJS.Dict<string | string[]>[] = [];
    const server = createServer(({ headers }, response) => {
      seen.push(headers);
      response.writeHead(200, { "Api-Version": "1.51" }).end("[]");
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ask = (env: Record<string, string>) =>
      new Promise<string>((resolve) => {
        const child = spawn(process.execPath, [main, "--config", config, "-H", host, "ps", "-q"], {
          env: { HOME: home, ...env },
          stdio: ["ignore", "ignore", "pipe"],
        });
        let text = "";
        child.stderr.on("data", (chunk) => (text += chunk));
        child.on("close", () => resolve(text));
      });
    try {
      configure({ HttpHeaders: { "X-One": "1" } });
      await ask({});
      await ask({ DOCKER_CUSTOM_HEADERS: 'X-Two=2,"X-Three=a,b"' });
      assert.deepEqual(
        seen.map((headers) => [headers["x-one"], headers["x-two"], headers["x-three"]]),
        [
          ["1", undefined, undefined],
          [undefined, "2", "a,b"],
        ],
      );
      assert.match(await ask({ DOCKER_CUSTOM_HEADERS: "nonsense" }), /DOCKER_CUSTOM_HEADERS/);
      assert.equal(seen.length, 2);
    } finally {
      server.close();
    }
  });

  it("gives proxies to builds, which may have their own", async () => {
    configure({ proxies: { default: { httpProxy: "http://user:secret@proxy.example:1", noProxy: "x" } } });
    const place = join(home, "context");
    mkdirSync(place, { recursive: true });
    writeFileSync(
      join(place, "Dockerfile"),
      "FROM busybox\nRUN echo [$HTTP_PROXY] [$http_proxy] [$no_proxy]\n",
    );
    const build = (...words: string[]) => run(own, engine.host, ["build", "--no-cache", ...words, place]);
    assert.match(build().stderr, /\[http:\/\/user:secret@proxy.example:1\] \[http:\/\/user.* \[x\]/);
    assert.match(build("--build-arg", "HTTP_PROXY=own").stderr, /\[own\] \[http:.* \[x\]/);
  });
});

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import Docker from "dockerode";
import { eventually, useEngine } from "../engine.ts";
import { isOldDocker, stockDockers } from "../stock-docker.ts";
import { writeFiles } from "./context-folder.ts";

describe("builds of clients without BuildKit", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-classic-"));
  before(() => berth("image", "make", "busybox"));
  after(() => rmSync(folder, { recursive: true }));

  /** @param input of the program */
  function run(
    program: string,
    words: string[],
    { input, ...options }: { input?: Buffer | string; cwd?: string; env?: Record<string, string> } = {},
  ): Promise<{ code: number | null; output: string }> {
    return new Promise((resolve) => {
      const env = { ...process.env, DOCKER_HOST: engine.host, ...options.env };
      const child = spawn(program, words, { ...options, env, timeout: 120_000 });
      let output = "";
      child.stdout.on("data", (text) => (output += text));
      child.stderr.on("data", (text) => (output += text));
      child.on("close", (code) => resolve({ code, output }));
      child.stdin.on("error", () => {});
      child.stdin.end(input);
    });
  }

  const classic = { env: { DOCKER_BUILDKIT: "0" } };

  for (const docker of stockDockers) {
    it(`docker build with ${docker.replace(/^.*\.tools\/peers\//, "")} and DOCKER_BUILDKIT=0`, async () => {
      const place = writeFiles(join(folder, "plain"), {
        Dockerfile: "FROM busybox\nARG N=1\nCOPY a /a\nRUN cat /a && echo $N > /n\nCMD cat /a /n\n",
        a: "from a file\n",
      });
      const built = await run(
        docker,
        ["build", "-t", "plain", "--build-arg", "N=7", "--label", "l=1", place],
        classic,
      );
      assert.equal(built.code, 0, built.output);
      assert.match(built.output, /Step 2\/3 : COPY a \/a/);
      assert.match(built.output, /Successfully built [0-9a-f]{12}\nSuccessfully tagged plain:latest/);
      assert.equal((await run(docker, ["run", "--rm", "plain"])).output, "from a file\n7\n");
      const quiet = await run(docker, ["build", "-q", place], classic);
      assert.match(quiet.output, /sha256:[0-9a-f]{64}\n$/);
      const fails = writeFiles(join(folder, "fails"), { Dockerfile: "FROM busybox\nRUN exit 7\n" });
      const failed = await run(docker, ["build", fails], classic);
      assert.equal(failed.code, 7);
      assert.match(failed.output, /The command '\/bin\/sh -c exit 7' returned a non-zero code: 7/);
      const odd = writeFiles(join(folder, "odd"), { Dockerfile: "FROM busybox\nFOO\n" });
      assert.match((await run(docker, ["build", odd], classic)).output, /unknown instruction: FOO/);
    });
  }

  const [old = ""] = stockDockers.filter(isOldDocker);

  const skip = old === "" && "this machine has no docker before 23: Debian 12 has 20.10";
  it("docker build of 20.10, which leaves the builder to the engine and gives its files by a session", {
    skip,
  }, async () => {
    const withSession = { env: {} };
    const place = writeFiles(join(folder, "session"), {
      Dockerfile: `FROM busybox
ARG N
COPY . /all/
RUN --mount=type=secret,id=s,required=true cat /run/secrets/s > /secret
RUN echo "N is $N" && ls -A /all > /list
`,
      secret: "hush",
      dropped: "x",
      ".dockerignore": "dropped\n",
    });
    const words = ["build", "--progress", "plain", "-t", "session:1", "--build-arg", "N=7"];
    const secret = ["--secret", `id=s,src=${join(place, "secret")}`];
    const built = await run(old, [...words, ...secret, place], withSession);
    assert.equal(built.code, 0, built.output);
    assert.match(built.output, /\d N is 7/);
    assert.match(built.output, /naming to docker\.io\/library\/session:1/);
    const list = await run(old, ["run", "--rm", "session:1", "cat", "/list", "/secret"]);
    assert.equal(list.output, ".dockerignore\nDockerfile\nsecret\nhush");
    const quiet = await run(old, ["build", "-q", ...secret, place], withSession);
    assert.match(quiet.output, /^sha256:[0-9a-f]{64}\n$/);
    const out = join(folder, "session-out");
    const given = await run(old, ["build", ...secret, "-o", out, place], withSession);
    assert.equal(given.code, 0, given.output);
    assert.equal(readFileSync(join(out, "secret"), "utf8"), "hush");
    const { stdout: archive } = spawnSync("tar", ["-c", "-C", place, "."], { maxBuffer: 1 << 24 });
    const piped = await run(old, ["build", ...secret, "-t", "session:2", "-"], {
      ...withSession,
      input: archive as unknown as Buffer,
    });
    assert.equal(piped.code, 0, piped.output);
    assert.match(
      (await run(old, ["run", "--rm", "session:2", "cat", "/list"])).output,
      /Dockerfile\ndropped\nsecret/,
    );
    const alone = await run(old, ["build", "-t", "session:3", "-"], {
      ...withSession,
      input: "FROM busybox\nRUN echo alone > /alone\n",
    });
    assert.equal(alone.code, 0, alone.output);
    const nobody = await engine.api("POST", "/build?version=2&buildid=upload-request:nobody");
    assert.deepEqual([nobody.status, /no build takes the upload/.test(nobody.body)], [503, true]);
    const without = await run(old, [...words, "--no-cache", place], withSession);
    assert.equal(without.code, 1);
    assert.match(without.output, /secret s: not found/);
  });

  it("leaves out of an archive what Docker does: nothing, or the Dockerfile that is ignored", async () => {
    const place = writeFiles(join(folder, "ignoring"), {
      Dockerfile: "FROM busybox\nCOPY . /all/\nRUN ls -A /all > /list\n",
      ".dockerignore": "Dockerfile\nignored\n",
      ignored: "x",
      kept: "y",
    });
    const docker = stockDockers.at(-1) as string;
    const input = spawnSync("tar", ["-c", "-C", place, "."]).stdout;
    const list = async (options: { env?: Record<string, string> }) => {
      const built = await run(docker, ["build", "-t", "ignoring", "-"], { input, ...options });
      assert.equal(built.code, 0, built.output);
      return (await run(docker, ["run", "--rm", "ignoring", "cat", "/list"])).output.trim().split("\n");
    };
    assert.deepEqual(await list({}), [".dockerignore", "Dockerfile", "ignored", "kept"]);
    assert.deepEqual(await list(classic), [".dockerignore", "ignored", "kept"]);
  });

  it("takes an archive, compressed or not, or a Dockerfile alone, from standard input", async () => {
    const place = writeFiles(join(folder, "archive"), { Dockerfile: "FROM busybox\nCOPY x /x\n", x: "x" });
    const docker = stockDockers.at(-1) as string;
    for (const flags of ["-c", "-cz", "-cJ"]) {
      const archive = spawnSync("tar", [flags, "-C", place, "."]).stdout;
      const built = await run(docker, ["build", "-t", "archive", "-"], { input: archive });
      assert.equal(built.code, 0, `${flags}: ${built.output}`);
    }
    assert.equal((await run(docker, ["run", "--rm", "archive", "cat", "/x"])).output, "x");
    const alone = await run(docker, ["build", "-t", "alone", "-"], {
      input: "FROM busybox\nRUN echo 1 > /one\n",
    });
    assert.equal(alone.code, 0, alone.output);
    const classicAlone = await run(docker, ["build", "-t", "alone", "-"], {
      ...classic,
      input: "FROM busybox\n",
    });
    assert.equal(classicAlone.code, 0, classicAlone.output);
  });

  it("fetches what ADD and the context name by an address", async () => {
    const place = writeFiles(join(folder, "web"), { Dockerfile: "FROM busybox\nCOPY x /x\n", x: "x" });
    const archive = spawnSync("tar", ["-cz", "-C", place, "."]).stdout;
    const server = createServer((request, response) => {
      if (request.url === "/file.txt")
        response.setHeader("last-modified", "Tue, 01 Jan 2019 00:00:00 GMT").end("fetched");
      else if (request.url === "/context.tgz") response.end(archive);
      else response.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const docker = stockDockers.at(-1) as string;
    try {
      const digest = createHash("sha256").update("fetched").digest("hex");
      const lines = [
        "FROM busybox",
        `ADD --checksum=sha256:${digest} ${address}/file.txt /f/`,
        `RUN test "$(stat -c '%a %Y' /f/file.txt)" = "600 1546300800"`,
      ];
      const added = await run(docker, ["build", "-t", "web", "-"], { input: lines.join("\n") });
      assert.equal(added.code, 0, added.output);
      const wrong = lines.join("\n").replace(digest, "0".repeat(64));
      assert.match((await run(docker, ["build", "-"], { input: wrong })).output, /digest mismatch/);
      const absent = `FROM busybox\nADD ${address}/absent /\n`;
      assert.match(
        (await run(docker, ["build", "-"], { input: absent })).output,
        /invalid response status 404/,
      );
      const remote = await run(docker, ["build", "-t", "remote", `${address}/context.tgz`]);
      assert.equal(remote.code, 0, remote.output);
      assert.equal((await run(docker, ["run", "--rm", "remote", "cat", "/x"])).output, "x");
    } finally {
      server.close();
    }
  });

  it("dockerode builds from a stream, and sees the image's id", async () => {
    const client = new Docker({ socketPath: engine.host.replace("unix://", "") });
    const context = writeFiles(join(folder, "node"), { Dockerfile: "FROM busybox\nCOPY y /y\n", y: "y" });
    const stream = await client.buildImage({ context, src: ["Dockerfile", "y"] }, { t: "node" });
    const messages = await new Promise<{ aux?: { ID: string } }[]>((resolve, reject) =>
      client.modem.followProgress(stream, (error, all) => (error ? reject(error) : resolve(all))),
    );
    const id = messages.find(({ aux }) => aux)?.aux?.ID;
    assert.equal((await client.getImage("node").inspect()).Id, id);
  });

  it("compose builds what it brings up", async () => {
    const place = writeFiles(join(folder, "project"), {
      "docker-compose.yml": `
version: "3.8"
services:
  one: { build: { context: one, args: { N: "1" } }, stop_signal: SIGKILL }
  two: { build: two, stop_signal: SIGKILL, depends_on: [one] }
`,
      "one/Dockerfile": "FROM busybox\nARG N\nRUN echo one $N > /n\nCMD cat /n && sleep 1000\n",
      "two/Dockerfile": "FROM busybox\nCOPY m /m\nCMD cat /m && sleep 1000\n",
      "two/m": "two\n",
    });
    const composes: [string, string[]][] = stockDockers
      .filter((docker) => spawnSync(docker, ["compose", "version"]).status === 0)
      .map((docker) => [docker, ["compose"]]);
    if (spawnSync("docker-compose", ["version"]).status === 0) composes.push(["docker-compose", []]);
    assert.ok(composes.length > 0);
    for (const [program, prefix] of composes) {
      const compose = (...words: string[]) =>
        run(program, [...prefix, "-p", "built", ...words], { cwd: place });
      const up = await compose("up", "-d", "--build");
      assert.equal(up.code, 0, `${program}: ${up.output}`);
      await eventually(
        async () => (await compose("logs", "--no-color")).output,
        (output) => /one 1/.test(output) && /\| two/.test(output),
      );
      const down = await compose("down", "--rmi", "all", "-t", "0");
      assert.equal(down.code, 0, down.output);
    }
  });

  it("compose builds services that stand on others", async (t) => {
    const docker = stockDockers.findLast((one) => {
      const { status, stdout } = spawnSync(one, ["compose", "version", "--short"], { encoding: "utf8" });
      const [major = 0, minor = 0] = stdout.replace(/^v/, "").split(".").map(Number);
      return status === 0 && (major > 2 || minor >= 30);
    });
    if (!docker) return t.skip("no docker here has a compose of 2.30 or newer");
    const place = writeFiles(join(folder, "linked"), {
      "docker-compose.yml": `
services:
  one: { build: one, image: linked-one }
  two: { image: linked-two, build: { context: two, additional_contexts: { base: "service:one" } } }
`,
      "one/Dockerfile": "FROM busybox\nENV FROM_ONE=1\nRUN echo one > /one\n",
      "two/Dockerfile": "FROM base\nCOPY --from=base /one /again\nRUN echo $FROM_ONE > /two\n",
    });
    const built = await run(docker, ["compose", "build"], { cwd: place });
    assert.equal(built.code, 0, built.output);
    const { output } = await run(docker, ["run", "--rm", "linked-two", "cat", "/one", "/again", "/two"]);
    assert.equal(output, "one\none\n1\n");
  });

  it("limits what the commands of steps may use, which changes no step", async () => {
    const files = "/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max";
    const place = writeFiles(join(folder, "limited"), {
      Dockerfile: `FROM busybox\nRUN cat ${files} >/limit 2>/dev/null; cat /proc/self/status | grep Cpus_allowed_list >>/limit\n`,
    });
    const build = (...words: string[]) => run("docker", ["build", "-t", "limited", ...words, place], classic);
    const built = await build("-m", "64m", "--cpuset-cpus", "0", "--cpu-quota", "50000");
    assert.equal(built.code, 0, built.output);
    const read = await run("docker", ["run", "--rm", "limited", "cat", "/limit"]);
    assert.match(read.output, /^67108864\nCpus_allowed_list:\t0\n$/);
    assert.match((await build()).output, /Using cache|CACHED/);
  });

  it("takes a context from an address: an archive, or a Dockerfile alone", async (test) => {
    const place = writeFiles(join(folder, "far"), {
      Dockerfile: "FROM busybox\nCOPY a /a\n",
      a: "far away\n",
    });
    const archive = spawnSync("tar", ["-cz", "-C", place, "."]).stdout;
    const server = createServer(({ url }, answer) =>
      url === "/context.tar.gz" ? answer.end(archive) : answer.end("FROM busybox\nRUN echo alone >/alone\n"),
    ).listen(0, "127.0.0.1");
    await once(server, "listening");
    test.after(() => server.close());
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const build = async (remote: string) => {
      const query = new URLSearchParams({ t: "far", remote });
      return (await engine.api("POST", `/build?${query}`)).body;
    };
    assert.match(await build(`${address}/context.tar.gz`), /Successfully tagged far:latest/);
    assert.equal((await run("docker", ["run", "--rm", "far", "cat", "/a"])).output, "far away\n");
    assert.match(await build(`${address}/Dockerfile`), /Successfully tagged far:latest/);
    assert.equal((await run("docker", ["run", "--rm", "far", "cat", "/alone"])).output, "alone\n");
    assert.match(await build("/etc"), /"message":"remoteURL \(\/etc\) could not be recognized as URL"/);
  });

  it("says as an error of the request that it cannot read a Dockerfile, and later failures in the answer", async () => {
    const docker = new Docker({ socketPath: engine.host.replace("unix://", "") });
    const build = (Dockerfile: string, options = {}) => {
      const context = writeFiles(join(folder, "unread"), { Dockerfile });
      return docker.buildImage({ context, src: ["Dockerfile"] }, options);
    };
    for (const [text, options, message] of [
      ["FROM busybox\nFOO x\n", {}, /dockerfile parse error on line 2: unknown instruction: FOO/],
      ["FROM busybox\nCOPY --bad a /\n", {}, /dockerfile parse error on line 2: unknown flag: --bad/],
      ["COPY a /a\n", {}, /no build stage in current context/],
      ["FROM busybox\n", { target: "none" }, /target stage "none" could not be found/],
      ["FROM busybox\n", { dockerfile: "gone" }, /Cannot locate specified Dockerfile: gone/],
    ] as const)
      await assert.rejects(build(text, options), (error: Error & { statusCode: number }) => {
        assert.match(error.message, message);
        assert.equal(error.statusCode, 400, text);
        return true;
      });
    const tokens = Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`registry${at}.test`, { identitytoken: "t".repeat(3000) }]),
    );
    for (const [text, message] of [
      ["FROM busybox\nRUN exit 3\n", /"error":"[^"]*returned a non-zero code: 3"/],
      ["FROM 127.0.0.1:1/none\n", /"error":"[^"]*failed to resolve source metadata for 127\.0\.0\.1:1\/none/],
    ] as const) {
      const { promise, resolve } = Promise.withResolvers<string>();
      const answer = await build(text, { registryconfig: tokens });
      docker.modem.followProgress(answer, (_, output) => resolve(JSON.stringify(output)));
      assert.match(await promise, message);
    }
  });

  it("refuses what it cannot do, before anything is sent", async () => {
    for (const [query, words] of [
      ["version=3", /invalid version "3"/],
      ["buildargs=%5B", /invalid buildargs/],
      ["ulimits=%7B%7D", /invalid ulimits/],
      ["memory=1000", /Minimum memory limit allowed is 6MB/],
      ["cpuperiod=1", /CPU cfs period can not be less than 1ms/],
      ["t=UPPER", /invalid reference format/],
    ] as const) {
      const answer = await engine.api("POST", `/build?${query}`);
      assert.equal(answer.status, 400, query);
      assert.match(JSON.parse(answer.body).message, words);
    }
    assert.equal((await engine.api("POST", "/build/cancel")).status, 400);
    assert.equal((await engine.api("POST", "/build/cancel?id=x")).status, 200);
    const pruned = await engine.api("POST", "/build/prune?all=1");
    assert.equal(pruned.status, 200);
    assert.ok(JSON.parse(pruned.body).CachesDeleted.length > 0);
    assert.deepEqual(JSON.parse((await engine.api("GET", "/system/df")).body).BuildCache, []);
    assert.match(
      (await engine.api("POST", "/build/prune?filters=%7B%22foo%22%3A%5B%22a%22%5D%7D")).body,
      /invalid filter 'foo'/,
    );
  });
});

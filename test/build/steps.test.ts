import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { newestDocker, useDocker } from "./docker-client.ts";

describe("the steps of a build", () => {
  const { engine, berth } = useEngine();
  const { context, run, folder } = useDocker(engine);
  before(() => berth("image", "make", "busybox"));

  /** Builds, and tells what a step left in /at. */
  async function stamp(place: string, ...more: string[]): Promise<string> {
    const built = await run("build", "-q", ...more, place);
    assert.equal(built.code, 0, built.stderr);
    return (await run("run", "--rm", built.stdout.trim(), "cat", "/at")).stdout;
  }
  const stampCommand = "cat /proc/sys/kernel/random/uuid > /at";

  it("come to the same image in whatever order a client says its labels", async () => {
    const place = context("labelled", { Dockerfile: "FROM busybox\nLABEL m=n\nCMD true\n" });
    const build = (...labels: string[]) =>
      run("build", "-q", ...labels.flatMap((label) => ["--label", label]), place);
    const one = await build("a=1", "z=2", "constructor=3");
    assert.equal(one.code, 0, one.stderr);
    assert.equal((await build("z=2", "constructor=3", "a=1")).stdout, one.stdout);
    assert.notEqual((await build("z=2", "a=1")).stdout, one.stdout);
  });
  it("depend on what they bind of the context, and on no more of it", async () => {
    const place = context("bound", {
      Dockerfile: `FROM busybox
RUN --mount=type=bind,source=one/file,target=/f --mount=type=bind,source=dir,target=/d cat /f /d/file && ${stampCommand}
COPY other /
`,
      "one/file": "1",
      "dir/file": "2",
      other: "3",
    });
    const first = await stamp(place);
    writeFileSync(join(place, "other"), "changed");
    assert.equal(await stamp(place), first);
    writeFileSync(join(place, "one/file"), "changed");
    const second = await stamp(place);
    assert.notEqual(second, first);
    writeFileSync(join(place, "dir/more"), "new");
    assert.notEqual(await stamp(place), second);
  });

  it("depend on a stage's part that they bind, and not on the rest of the stage", async () => {
    const place = context("bound-stage", {
      Dockerfile: `FROM busybox AS made
COPY a /a/
COPY b /b/
FROM busybox
RUN --mount=type=bind,from=made,source=/a,target=/m test "$(ls /m)" = a && ${stampCommand}
`,
      a: "1",
      b: "1",
    });
    const first = await stamp(place);
    writeFileSync(join(place, "b"), "2");
    assert.equal(await stamp(place), first);
    writeFileSync(join(place, "a"), "2");
    assert.notEqual(await stamp(place), first);
  });

  it("find commands by the usual PATH where the image has none, also behind one that is added", async () => {
    await run("create", "--name", "bare", "busybox");
    await run("export", "-o", join(folder, "bare.tar"), "bare");
    assert.equal((await run("import", join(folder, "bare.tar"), "no-path")).code, 0);
    const place = context("no-path", {
      Dockerfile: `FROM no-path\nENV PATH /more:$PATH\nRUN ${stampCommand}\n`,
    });
    await stamp(place, "-t", "with-path");
    // As BuildKit has it, an entrypoint alone says nothing of arguments.
    const entry = context("entry", { Dockerfile: 'FROM no-path\nENTRYPOINT ["true"]\n' });
    assert.equal((await run("build", "-q", "-t", "entry", entry)).code, 0);
    const described = await run("image", "inspect", "-f", "{{json .Config}}", "entry");
    assert.doesNotMatch(described.stdout, /ArgsEscaped/);
    const { stdout } = await run("image", "inspect", "-f", "{{.Config.Env}}", "with-path");
    assert.equal(stdout.trim(), "[PATH=/more:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin]");
    await run("rm", "bare");
  });

  it("take with --parents what is at any depth, and the directories on the way as they are now", async () => {
    const place = context("parents", {
      Dockerfile: `FROM busybox
COPY --parents **/package.json /w/
RUN cd /w && find . -type f | sort >/at && stat -c %a secret >>/at
`,
      "package.json": "",
      "a/package.json": "",
      "secret/b/package.json": "",
      "secret/other": "",
    });
    const all = "./a/package.json\n./package.json\n./secret/b/package.json\n";
    chmodSync(join(place, "secret"), 0o755);
    assert.equal(await stamp(place), `${all}755\n`);
    chmodSync(join(place, "secret"), 0o700);
    assert.equal(await stamp(place), `${all}700\n`);
    await berth("build", "-t", "own-parents", place);
    assert.equal(await berth("run", "--rm", "own-parents", "cat", "/at"), `${all}700`);
  });

  it("have files on the machine that none of its users reaches", async () => {
    const seen = join(engine.execRoot, "build");
    const place = context("hosts-program", {
      Dockerfile:
        "FROM busybox\nRUN cat /bin/busybox >/etc/hosts; chmod 4755 /etc/hosts; cat /etc/hosts >/dev/null\n",
    });
    const built = run("build", "-q", place);
    await eventually(
      () => readdirSync(seen).length,
      (count) => count > 0,
    );
    const asNobody = spawnSync("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "ls", seen]);
    assert.match(asNobody.stderr.toString(), /Permission denied/);
    assert.equal((await built).code, 0);
  });

  it("say what of the context is not there", async () => {
    const place = context("bound-missing", {
      Dockerfile: "FROM busybox\nRUN --mount=type=bind,source=nofile,target=/f true\n",
    });
    const built = await run("build", place);
    assert.equal(built.code, 1);
    assert.match(built.stderr, /failed to calculate checksum of ref \S+: "\/nofile": not found/);
  });

  it("depend on the names of further hosts, not on their addresses, and on a cache's name", async () => {
    const place = context("hosts", { Dockerfile: `FROM busybox\nRUN ${stampCommand}\n` });
    const first = await stamp(place, "--add-host", "a:10.9.8.7");
    assert.equal(await stamp(place, "--add-host", "a:10.9.8.8"), first);
    assert.notEqual(await stamp(place, "--add-host", "b:10.9.8.7"), first);
    const cache = (id: string) =>
      context("named", {
        Dockerfile: `FROM busybox\nRUN --mount=type=cache,id=${id},target=/c ${stampCommand}\n`,
      });
    const one = await stamp(cache("one"));
    assert.notEqual(await stamp(cache("two")), one);
    assert.equal(await stamp(cache("one")), one);
  });

  it("find their secrets in memory, and nothing of them is on the host while they run", async () => {
    const secret = join(folder, "secret.txt");
    writeFileSync(secret, "rather-secret-text");
    const place = context("secret", {
      Dockerfile: `FROM busybox
RUN --mount=type=secret,id=s,mode=0440,uid=5,gid=6 stat -f -c %T /run/secrets/s && stat -c %a:%u:%g /run/secrets/s && cat /run/secrets/s && touch /run/secrets/s 2>&1; echo and ready; sleep 1000
`,
    });
    const client = execFile(
      newestDocker,
      ["build", "--progress", "plain", "--secret", `id=s,src=${secret}`, place],
      {
        env: { ...process.env, DOCKER_HOST: engine.host },
      },
    );
    let output = "";
    client.stderr?.on("data", (text: string) => (output += text));
    const ended = new Promise((resolve) => client.once("exit", resolve));
    await eventually(
      () => output,
      (text) => /\d and ready/.test(text),
      300,
    );
    assert.match(output, /\d tmpfs\n/);
    assert.match(output, /\d 440:5:6\n/);
    assert.match(output, /rather-secret-text.*Read-only file system/);
    const found = spawnSync("grep", ["-rl", "rather-secret-text", engine.root, engine.execRoot], {
      encoding: "utf8",
    });
    assert.deepEqual(
      found.stdout.split("\n").filter((path) => path && !path.endsWith(".sock")),
      [],
    );
    const mounted = readFileSync("/proc/self/mountinfo", "utf8");
    assert.ok(!mounted.includes(engine.execRoot), "something is mounted on the host");
    client.kill("SIGINT");
    await ended;
  });
});

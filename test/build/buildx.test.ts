import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

const withBuildx = stockDockers.filter((docker) => spawnSync(docker, ["buildx", "version"]).status === 0);
assert.ok(withBuildx.length > 0, "no docker with buildx: run scripts/test.sh, which fetches some");

for (const docker of withBuildx) {
  describe(`docker build with ${docker.replace(/^.*\.tools\/peers\//, "")}`, () => {
    const { engine, berth } = useEngine();
    const folder = mkdtempSync(join(tmpdir(), "berth-build-"));
    before(() => berth("image", "make", "busybox"));
    after(() => rmSync(folder, { recursive: true }));

    /** Writes files of a context, by path. @returns its folder */
    function context(name: string, files: Record<string, string>): string {
      for (const [path, content] of Object.entries(files)) {
        const full = join(folder, name, path);
        mkdirSync(dirname(full), { recursive: true });
        writeFileSync(full, content);
      }
      return join(folder, name);
    }

    function run(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
      return new Promise((resolve) => {
        const env = {
          ...process.env,
          DOCKER_HOST: engine.host,
        };
        execFile(docker, words, { env, timeout: 120_000, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
          resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout, stderr }),
        );
      });
    }

    it("copies, runs, and gives the image its settings", async () => {
      const place = context("plain", {
        Dockerfile: `FROM busybox
ARG WHO=world
ENV GREETING="hello $WHO"
WORKDIR /work
COPY --chown=7:8 --chmod=640 message parts/ ./
RUN test "$(stat -c %u:%g:%a message)" = 7:8:640 && echo "$GREETING" > out
EXPOSE 80 53/udp
LABEL a=b
USER 7:8
ENTRYPOINT ["cat"]
CMD ["out"]
`,
        message: "text",
        "parts/one": "1",
        "parts/.hidden": "2",
        ignored: "no",
        ".dockerignore": "ignored\n",
      });
      const built = await run("build", "-t", "plain:1", "-t", "plain:2", "--build-arg", "WHO=you", place);
      assert.equal(built.code, 0, built.stderr);
      assert.match(built.stderr, /\[3\/4\] COPY --chown=7:8 --chmod=640 message parts\/ \.\//);
      assert.match(built.stderr, /naming to docker\.io\/library\/plain:2/);
      assert.equal((await run("run", "--rm", "plain:1")).stdout, "hello you\n");
      const listed = await run("run", "--rm", "--entrypoint", "ls", "plain:2", "-A", "/work");
      assert.deepEqual(listed.stdout.trim().split("\n"), [".hidden", "message", "one", "out"]);
      const { stdout } = await run("image", "inspect", "plain:1");
      const { Config } = JSON.parse(stdout)[0];
      assert.deepEqual(Config.ExposedPorts, { "53/udp": {}, "80/tcp": {} });
      assert.deepEqual([Config.User, Config.WorkingDir, Config.Labels], ["7:8", "/work", { a: "b" }]);
      const history = await run("history", "--no-trunc", "--format", "{{.CreatedBy}}", "plain:1");
      assert.ok(history.stdout.includes('RUN |1 WHO=you /bin/sh -c test "$(stat'), history.stdout);
    });

    it("does nothing twice, and only what has changed again", async () => {
      const files = {
        Dockerfile: "FROM busybox\nCOPY a /a\nRUN cat /proc/sys/kernel/random/uuid > /at\nCOPY b /b\n",
        a: "1",
        b: "1",
      };
      const place = context("cached", files);
      const id = async () => {
        const built = await run("build", "-q", place);
        assert.equal(built.code, 0, built.stderr);
        const out = await run("run", "--rm", built.stdout.trim(), "cat", "/at", "/b");
        return out.stdout;
      };
      const first = await id();
      assert.equal(await id(), first);
      writeFileSync(join(place, "b"), "2");
      const [at] = first.split("\n");
      assert.match(first, /^[0-9a-f-]{36}\n1$/);
      assert.equal(await id(), `${at}\n2`);
      writeFileSync(join(place, "a"), "2");
      assert.notEqual((await id()).split("\n")[0], at);
    });

    it("builds stages that are needed, side by side, and copies between them", async () => {
      const place = context("stages", {
        Dockerfile: `FROM busybox AS one
RUN echo 1 > /n
FROM busybox AS two
RUN echo 2 > /n
FROM busybox AS never
RUN exit 9
FROM scratch AS both
COPY --from=one /n /one
COPY --from=two /n /two
FROM busybox
COPY --from=both / /all/
RUN --mount=type=bind,from=one,target=/one cat /all/one /all/two /one/n > /sum
`,
      });
      const built = await run("build", "-t", "stages", place);
      assert.equal(built.code, 0, built.stderr);
      assert.equal((await run("run", "--rm", "stages", "cat", "/sum")).stdout, "1\n2\n1\n");
      assert.doesNotMatch(built.stderr, /exit 9/);
    });

    it("gives mounts to RUN: cache, secret, tmpfs, the context", async () => {
      const place = context("mounts", {
        Dockerfile: `FROM busybox
RUN --mount=type=cache,target=/cache echo x >> /cache/n && wc -l < /cache/n > /count
RUN --mount=type=secret,id=key,required=true,mode=0444 \\
    --mount=type=secret,id=key,env=KEY \\
    test "$(cat /run/secrets/key)" = "$KEY" && echo ok > /secret
RUN --mount=type=bind,target=/src --mount=type=tmpfs,target=/tmp touch /tmp/x && cat /src/file > /copied
`,
        file: "from the context",
      });
      const key = join(folder, "key");
      writeFileSync(key, "hush");
      const build = (...more: string[]) =>
        run("build", "-t", "mounts", "--secret", `id=key,src=${key}`, ...more, place);
      assert.equal((await build()).code, 0);
      const again = await build("--no-cache");
      assert.equal(again.code, 0, again.stderr);
      const { stdout } = await run(
        "run",
        "--rm",
        "mounts",
        "sh",
        "-c",
        "cat /count /secret /copied; ls -A /tmp; test -e /run || echo no stub",
      );
      assert.equal(stdout.replaceAll(/\s+/g, " ").trim(), "2 ok from the contextno stub");
      const without = await run("build", "-t", "mounts", place, "--no-cache");
      assert.notEqual(without.code, 0);
      assert.match(without.stderr, /secret key: not found/);
    });

    it("gives the files to the client: as a directory, or as an archive", async () => {
      const place = context("outputs", {
        Dockerfile:
          "FROM busybox AS b\nRUN ln -s f /l && echo 1 > /f && chmod 711 /f\nFROM scratch\nCOPY --from=b /f /l /bin/ash /bin/cat /o/\n",
      });
      const out = join(folder, "out");
      const built = await run("build", "-o", out, place);
      assert.equal(built.code, 0, built.stderr);
      assert.deepEqual(readdirSync(join(out, "o")).sort(), ["ash", "cat", "f", "l"]);
      assert.equal(statSync(join(out, "o/f")).mode & 0o777, 0o711);
      const archive = join(folder, "out.tar");
      const packed = await run("build", "-o", `type=tar,dest=${archive}`, place);
      assert.equal(packed.code, 0, packed.stderr);
      const { stdout } = spawnSync("tar", ["-tf", archive], { encoding: "utf8" });
      assert.deepEqual(stdout.trim().split("\n").sort(), ["o/", "o/ash", "o/cat", "o/f", "o/l"]);
    });

    it("shows where and why it failed", async () => {
      const place = context("fails", { Dockerfile: "FROM busybox\n# why\nRUN echo before && exit 3\n" });
      const built = await run("build", place);
      assert.equal(built.code, 1);
      assert.match(
        built.stderr,
        /process "\/bin\/sh -c echo before && exit 3" did not complete successfully: exit code: 3/,
      );
      assert.match(built.stderr, / {3}3 \| >>> RUN echo before && exit 3/);
      const missing = await run("build", context("missing", { Dockerfile: "FROM busybox\nCOPY nofile /\n" }));
      assert.match(missing.stderr, /failed to calculate checksum of ref \S+: "\/nofile": not found/);
      const unknown = await run("build", context("unknown", { Dockerfile: "FROM busybox\nFOO bar\n" }));
      assert.match(unknown.stderr, /dockerfile parse error on line 2: unknown instruction: FOO/);
      const target = await run("build", "--target", "nope", place);
      assert.match(target.stderr, /target stage "nope" could not be found/);
      const absent = await run("build", context("absent", { "Dockerfile.other": "FROM busybox" }));
      assert.match(absent.stderr, /failed to read dockerfile: open Dockerfile: no such file or directory/);
    });

    it("stops with its client, and leaves nothing running", async () => {
      const place = context("slow", { Dockerfile: "FROM busybox\nRUN sleep 1000\n" });
      const client = execFile(docker, ["build", place], {
        env: { ...process.env, DOCKER_HOST: engine.host },
      });
      const begun = Promise.withResolvers<void>();
      client.stderr?.on("data", (text: string) => text.includes("RUN sleep 1000") && begun.resolve());
      client.once("exit", () => begun.reject(new Error("it ended by itself")));
      await begun.promise;
      client.kill("SIGINT");
      await new Promise((resolve) => client.once("exit", resolve));
      const again = await run("build", "-q", context("after", { Dockerfile: "FROM busybox\nRUN true\n" }));
      assert.equal(again.code, 0, again.stderr);
    });

    it("shows what the cache holds, and prunes it", async () => {
      const shown = await run("buildx", "du");
      assert.equal(shown.code, 0, shown.stderr);
      assert.match(shown.stdout, /Total:/);
      const pruned = await run("buildx", "prune", "-af");
      assert.equal(pruned.code, 0, pruned.stderr);
      assert.match(pruned.stdout, /Total:/);
      assert.doesNotMatch((await run("buildx", "du")).stdout, /^[a-z0-9]{25}/m);
      assert.equal((await run("run", "--rm", "stages", "cat", "/sum")).stdout, "1\n2\n1\n");
    });
  });
}

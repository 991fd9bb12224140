import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";
import { newestDocker, useDocker } from "./docker-client.ts";

/*
 * What is wrong with a build, in the words of dockerd 28.5.2 where it has some: to a docker with buildx, to one without (the classic
 * builder's), and to our own command line.
 */

interface BadBuild {
  name: string;
  files: Record<string, string>;
  words?: string[];
  /** For clients with BuildKit, our own among them. */
  message: RegExp;
  /** The line of the Dockerfile that is shown. */
  line?: number;
  /** For those without, where it is another one. */
  classic?: RegExp;
}

const from = (...lines: string[]) => ({ Dockerfile: `FROM busybox\n${lines.join("\n")}\n` });
const circle = "FROM busybox AS a\nCOPY --from=b /x /x\nFROM busybox AS b\nCOPY --from=a /x /x\n";
const later = "FROM busybox AS a\nCOPY --from=b /x /x\nFROM busybox AS b\nRUN true\n";
const mounted = "FROM busybox AS a\nRUN --mount=from=b,target=/m true\nFROM busybox AS b\nRUN true\n";

const cases: BadBuild[] = [
  {
    name: "an unknown instruction",
    files: from("FOO bar"),
    message: /dockerfile parse error on line 2: unknown instruction: FOO \(did you mean FROM\?\)/,
    line: 2,
  },
  {
    name: "an unknown flag",
    files: from("COPY --chwon=1 a /b"),
    message: /dockerfile parse error on line 2: unknown flag: --chwon \(did you mean chown\?\)/,
    line: 2,
  },
  {
    name: "a file that is not there",
    files: from("RUN true", "COPY nofile /x"),
    message: /failed to calculate checksum of ref \S+: "\/nofile": not found/,
    line: 3,
    classic:
      /COPY failed: file not found in build context or excluded by \.dockerignore: stat nofile: file does not exist/,
  },
  {
    name: "a file that is ignored",
    files: { ...from("ADD a /x"), a: "", ".dockerignore": "a\n" },
    message: /failed to calculate checksum of ref \S+: "\/a": not found/,
    line: 2,
    classic:
      /ADD failed: file not found in build context or excluded by \.dockerignore: stat a: file does not exist/,
  },
  {
    name: "a path outside of the context",
    files: from("COPY ../outside /x"),
    message: /failed to calculate checksum of ref \S+: "\/outside": not found/,
    line: 2,
    classic: /COPY failed: forbidden path outside the build context: \.\.\/outside \(\)/,
  },
  {
    name: "stages that stand on each other",
    files: { Dockerfile: circle },
    message: /circular dependency detected on stage: a/,
    line: 2,
  },
  {
    name: "a stage that stands on itself",
    files: { Dockerfile: "FROM busybox AS a\nCOPY --from=0 /x /x\n" },
    message: /circular dependency detected on stage: a/,
    line: 2,
  },
  {
    name: "a stage that comes later",
    files: { Dockerfile: later },
    words: ["--target", "a"],
    message: /cannot copy from stage "b", it needs to be defined before current stage "a"/,
    line: 2,
  },
  {
    name: "a stage that comes later, to be mounted",
    files: { Dockerfile: mounted },
    words: ["--target", "a"],
    message: /cannot mount from stage "b" to "\/m", stage needs to be defined before current command/,
    line: 2,
  },
  {
    name: "the number of no stage",
    files: from("COPY --from=7 /x /x"),
    message: /invalid stage index 7/,
    line: 2,
  },
  {
    name: "an argument that is not declared",
    files: { Dockerfile: "ARG A\nFROM $NOPE\n" },
    message: /base name \(\$NOPE\) should not be blank/,
    line: 2,
  },
  {
    name: "an argument that makes half a name",
    files: { Dockerfile: "FROM busybox:$NOPE\n" },
    message: /failed to parse stage name "busybox:": invalid reference format/,
    line: 1,
  },
  {
    name: "an argument that has to be given",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a Dockerfile has them
    files: from("ARG NEEDED", 'ENV X="${NEEDED:?must be set}"'),
    message: /NEEDED: must be set/,
    line: 3,
  },
  {
    name: "a secret that is not given",
    files: from("RUN --mount=type=secret,id=s,required=true true"),
    message: /secret s: not found/,
    line: 2,
  },
  {
    name: "a frontend that is not ours",
    files: { Dockerfile: "# syntax=example.com/front:1\nFROM busybox\n" },
    message: /frontend example\.com\/front:1 is not supported: berth reads Dockerfiles itself/,
    line: 1,
  },
  {
    name: "a stage that is not there",
    files: from("RUN true"),
    words: ["--target", "nope"],
    message: /target stage "nope" could not be found/,
  },
  { name: "an empty Dockerfile", files: { Dockerfile: "" }, message: /the Dockerfile cannot be empty/ },
  {
    name: "a heredoc without an end",
    files: from("RUN <<EOT", "true"),
    message: /unterminated heredoc/,
    line: 2,
  },
];

describe("a build that is not right", () => {
  const { engine } = useEngine();
  const old = stockDockers.find((program) =>
    /version 20\.10/.test(spawnSync(program, ["-v"], { encoding: "utf8" }).stdout),
  );
  const { context, run, runWith } = useDocker(engine);
  const { runWith: runOld } = useDocker(engine, old ?? newestDocker);
  const classic = { DOCKER_BUILDKIT: "0" };
  const images = async () => (await run("images", "-aq", "--no-trunc")).stdout.split("\n").sort();
  const shown = (line: number) => new RegExp(` ${line} \\| >>> `);

  after(async () => {
    for (const place of ["folders", "contexts"])
      await eventually(
        () => readdirSync(join(engine.root, "build", place), { recursive: true, withFileTypes: true }),
        (left) => left.filter((one) => one.isFile() && one.name !== "list").length === 0,
      ).catch(() => {});
  });

  for (const { name, files, words = [], message, line, classic: other = message } of cases)
    it(`says what is wrong: ${name}`, async () => {
      const place = context(name.replaceAll(" ", "-"), files);
      const before = await images();
      for (const outcome of [
        await run("build", "--progress=plain", ...words, place),
        await engine.berth(["build", "--progress=plain", ...words, place]),
      ]) {
        assert.equal(outcome.code, 1, outcome.stderr);
        assert.match(outcome.stderr, message);
        if (line !== undefined) assert.match(outcome.stderr, shown(line));
      }
      const without = await runOld(classic, "build", ...words, place);
      assert.equal(without.code, 1, without.stderr);
      assert.match(without.stderr, other);
      assert.deepEqual(await images(), before);
    });

  it("says of a Dockerfile that is given as the context how it is built", async () => {
    const path = join(context("as-file", from("RUN true")), "Dockerfile");
    assert.match((await run("build", path)).stderr, /unable to prepare context: path ".*" not found/);
    assert.match((await runOld(classic, "build", path)).stderr, /context must be a directory/);
    const own = await engine.berth(["build", path]);
    assert.equal(own.code, 1);
    assert.ok(own.stderr.includes(`try: build -f ${path} ${join(path, "..")}`), own.stderr);
  });

  it("copies nothing where nothing fits a pattern, as BuildKit does", async () => {
    const files = {
      ...from("COPY *.nope /x/", "COPY *.nope a /y/", "ADD no*/b /z", "RUN ! ls /x /z"),
      a: "a",
    };
    const place = context("pattern", files);
    for (const build of [
      () => run("build", "-t", "pattern", place),
      () => runWith(classic, "build", "-t", "pattern", place),
    ]) {
      const built = await build();
      assert.equal(built.code, 0, built.stderr);
      assert.equal((await run("run", "--rm", "pattern", "ls", "/y")).stdout, "a\n");
    }
    const missing = await run("build", context("missing-beside", { ...from("COPY *.nope b /y/") }));
    assert.match(missing.stderr, /"\/b": not found/);
  });

  it("gives files to root where the base knows no such user, as BuildKit does, and says so", async () => {
    const files = {
      ...from(
        "COPY --chown=nosuch a /a",
        "COPY --chown=nosuch:nogroup a /b",
        "COPY --chown=5:nosuch a /c",
        "RUN stat -c %u:%g /a /b /c > /owners",
      ),
      a: "a",
    };
    const built = await run("build", "--progress=plain", "-t", "owners", context("owners", files));
    assert.equal(built.code, 0, built.stderr);
    assert.match(
      built.stderr,
      /WARN: --chown=nosuch: unable to find user nosuch: no matching entries in passwd file; the files are given to 0:0/,
    );
    assert.equal((await run("run", "--rm", "owners", "cat", "/owners")).stdout, "0:0\n0:0\n5:5\n");
    for (const owner of ["3000000000:5", "5000000000", "5000000000:nogroup"]) {
      const far = { ...from(`COPY --chown=${owner} a /a`), a: "a" };
      const outside = await run("build", context("far", far));
      assert.match(outside.stderr, /uids and gids must be in range 0-2147483647/, owner);
    }
    // Where there is no base at all, BuildKit refuses it as well.
    const bare = { Dockerfile: "FROM scratch\nCOPY --chown=nosuch a /a\n", a: "a" };
    const refused = await run("build", context("bare", bare));
    assert.match(refused.stderr, /unable to find user nosuch/);
  });

  it("says of a repository that it is not there", async () => {
    const address = "http://127.0.0.1:1/none.git";
    const fetched = /failed to fetch remote http:\/\/127\.0\.0\.1:1\/none\.git: git fetch: /;
    assert.match((await run("build", address)).stderr, fetched);
    assert.match((await engine.berth(["build", address])).stderr, fetched);
    const answer = await engine.api("POST", `/build?${new URLSearchParams({ remote: address })}`);
    assert.match(answer.body, fetched);
  });
});

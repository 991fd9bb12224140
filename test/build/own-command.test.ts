import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";
import { writeFiles } from "./context-folder.ts";

const program = fileURLToPath(new URL("../../berth", import.meta.url));

describe("berth build", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-own-build-"));
  before(() => berth("image", "make", "busybox"));
  after(() => rmSync(folder, { recursive: true }));

  function run(words: string[], { input, env }: { input?: string; env?: Record<string, string> } = {}) {
    return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      const all = { ...process.env, BERTH_HOST: engine.host, ...env };
      const child = spawn(program, ["build", ...words], { env: all, timeout: 60_000, cwd: folder });
      const output = { stdout: "", stderr: "" };
      child.stdout.on("data", (text) => (output.stdout += text));
      child.stderr.on("data", (text) => (output.stderr += text));
      child.on("close", (code) => resolve({ code, ...output }));
      child.stdin.on("error", () => {});
      child.stdin.end(input);
    });
  }

  it("sends what is needed of a context, links and ignored files as Docker's clients do", async () => {
    const place = writeFiles(join(folder, "context"), {
      Dockerfile:
        "FROM busybox\nARG N\nCOPY link *.txt /all/\nCOPY dir /all/dir\nRUN find /all | sort && echo $N\n",
      "one.txt": "1",
      "two.txt": "2",
      "target/file": "t",
      "dir/keep": "k",
      "dir/drop.log": "d",
      "dir/deep/kept.log": "k",
      "big/never": "x",
      ".dockerignore": "**/*.log\n!dir/deep/kept.log\n",
    });
    symlinkSync("target/file", join(place, "link"));
    const iidfile = join(folder, "iid");
    const built = await run(["-t", "own", "--build-arg", "N=9", "--iidfile", iidfile, place]);
    assert.equal(built.code, 0, built.stderr);
    const listed = built.stderr.match(/\/all\S*/g)?.filter((path) => !path.endsWith("/"));
    assert.deepEqual(
      [...new Set(listed)].sort(),
      ["", "/dir", "/dir/deep", "/dir/deep/kept.log", "/dir/keep", "/link", "/one.txt", "/two.txt"].map(
        (path) => `/all${path}`,
      ),
    );
    assert.match(built.stderr, /#\d+ \d+\.\d{3} 9/);
    assert.match(built.stderr, /naming to docker\.io\/library\/own done/);
    const quiet = await run(["-q", place, "--build-arg", "N=9"]);
    assert.equal(quiet.stderr, "");
    const id = readFileSync(iidfile, "utf8");
    assert.match(id, /^sha256:[0-9a-f]{64}$/);
    const inspected = await berth("image", "inspect", id);
    assert.ok(JSON.parse(inspected)[0].RepoTags.includes("own:latest"));
  });

  it("gives secrets, an agent and other contexts", async () => {
    const place = writeFiles(join(folder, "offers"), {
      Dockerfile: `FROM busybox
RUN --mount=type=secret,id=a,env=A --mount=type=secret,id=b,env=B echo "$A $B" > /secrets
RUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && echo hello > /agent
COPY --from=other o /o
`,
    });
    const other = writeFiles(join(folder, "other"), { o: "other" });
    writeFiles(folder, { secret: "from a file" });
    const socket = join(folder, "agent.sock");
    const server = createServer((connection) => connection.pipe(connection)).listen(socket);
    try {
      const built = await run(
        [
          ...["-t", "offers", "--secret", "id=a,src=secret", "--secret", "id=b,env=MINE"],
          ...["--ssh", `default=${socket}`, "--build-context", `other=${other}`, place],
        ],
        { env: { MINE: "from the environment" } },
      );
      assert.equal(built.code, 0, built.stderr);
    } finally {
      server.close();
    }
    const stdout = await berth("run", "--rm", "offers", "cat", "/secrets", "/agent", "/o");
    assert.equal(stdout, "from a file from the environment\nhello\nother");
  });

  it("takes a file of the web for a context, which is called as its address ends", async () => {
    const web = createHttpServer((_, response) => response.end("of the web")).listen(0, "127.0.0.1");
    await once(web, "listening");
    try {
      const place = writeFiles(join(folder, "web"), {
        Dockerfile: "FROM busybox\nCOPY --from=web notes.txt /n\n",
      });
      const address = `http://127.0.0.1:${(web.address() as AddressInfo).port}/a/notes.txt?x=1`;
      const built = await run(["-t", "web", "--progress=plain", "--build-context", `web=${address}`, place]);
      assert.equal(built.code, 0, built.stderr);
      assert.ok(built.stderr.includes(`[context web] ${address}`), built.stderr);
      assert.equal(await berth("run", "--rm", "web", "cat", "/n"), "of the web");
    } finally {
      web.close();
    }
  });

  it("gives arguments that are empty, and several platforms", async () => {
    const place = writeFiles(join(folder, "empty"), {
      Dockerfile: "FROM scratch\nARG FOO=default TARGETARCH\nCOPY <<EOF /file\n[$FOO] $TARGETARCH\nEOF\n",
    });
    const out = join(folder, "out");
    const platforms = ["--platform", "linux/amd64", "--platform", "linux/arm64"];
    const built = await run(["--build-arg", "FOO=", ...platforms, "-o", out, place]);
    assert.equal(built.code, 0, built.stderr);
    for (const name of ["amd64", "arm64"])
      assert.equal(readFileSync(join(out, `linux_${name}`, "file"), "utf8"), `[] ${name}\n`);
  });

  it("says what is wrong, and where", async () => {
    const place = writeFiles(join(folder, "wrong"), { Dockerfile: "FROM busybox\nRUN exit 4\n" });
    const failed = await run([place]);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /wrong\/Dockerfile:2\n-+\n {3}1 \| {5}FROM busybox\n {3}2 \| >>> RUN exit 4/);
    assert.match(failed.stderr, /did not complete successfully: exit code: 4/);
    const file = await run([join(place, "Dockerfile")]);
    assert.match(file.stderr, /is not a directory; try: build -f \S+Dockerfile \S+wrong\n/);
    assert.match((await run(["nowhere"])).stderr, /path "nowhere" not found/);
    assert.match((await run(["--secret", "x", place])).stderr, /must be a key=value pair/);
    const warned = await run([
      "--check",
      writeFiles(join(folder, "lint"), { Dockerfile: "from busybox\nCMD x\n" }),
    ]);
    assert.equal(warned.code, 1);
    assert.match(warned.stdout, /JSONArgsRecommended/);
  });

  it("builds from standard input", async () => {
    const built = await run(["-t", "input", "-"], { input: "FROM busybox\nRUN echo 1 > /one\n" });
    assert.equal(built.code, 0, built.stderr);
    const place = writeFiles(join(folder, "stdin"), { x: "x" });
    const mixed = await run(["-t", "mixed", "-f", "-", place], { input: "FROM input\nCOPY x /\n" });
    assert.equal(mixed.code, 0, mixed.stderr);
    assert.equal(await berth("run", "--rm", "mixed", "cat", "/one", "/x"), "1\nx");
  });

  it("takes the flags of docker's build, and writes what buildx writes of a build", async () => {
    const place = writeFiles(join(folder, "flags"), { Dockerfile: "FROM busybox\nLABEL a=b\n" });
    const file = join(folder, "metadata.json");
    const plain = ["--builder", "default", "--load", "--rm", "--force-rm", "--compress", "--sbom=false"];
    const noted = ["--annotation", "org.example.key=value", "--metadata-file", file, "-t", "noted", place];
    const built = await run([...plain, ...noted]);
    assert.equal(built.code, 0, built.stderr);
    const id = await berth("inspect", "-f", "{{.Id}}", "noted");
    const metadata = JSON.parse(readFileSync(file, "utf8"));
    assert.equal(metadata["containerimage.config.digest"], id);
    assert.equal(metadata["image.name"], "docker.io/library/noted");
    assert.match(metadata["buildx.build.ref"], /^default\/default\/[0-9a-z]{20,}$/);
    assert.equal(metadata["containerimage.descriptor"]?.digest, metadata["containerimage.digest"]);
    assert.ok(
      (await berth("builder", "history", "ls", "-q")).includes(metadata["buildx.build.ref"].slice(16)),
    );
    for (const [words, message] of [
      [["--builder", "remote"], /no builder "remote" found/],
      [["--annotation", "novalue"], /invalid annotation "novalue"/],
      [["--annotation", "a=b", "-o", "out"], /annotations are of an image/],
      [["--attest", "mode=max"], /attestation type not specified/],
      [["--sbom", "true"], /scanner/],
    ] as const) {
      const { code, stderr } = await run([...words, place]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, message);
    }
  });

  it("writes the metadata that docker's build writes of the same image", async () => {
    const docker = stockDockers.findLast((path) => spawnSync(path, ["buildx", "version"]).status === 0);
    assert.ok(docker, "no docker with buildx: run scripts/test.sh, which fetches some");
    const place = writeFiles(join(folder, "same"), { Dockerfile: "FROM busybox\nLABEL c=d\n" });
    const [ours, theirs] = [join(folder, "ours.json"), join(folder, "theirs.json")];
    assert.equal((await run(["--metadata-file", ours, "-t", "same", place])).code, 0);
    const env = { ...process.env, DOCKER_HOST: engine.host };
    const words = ["build", "--provenance=false", "--metadata-file", theirs, "-t", "same", place];
    const [code] = await once(spawn(docker, words, { env, stdio: "ignore" }), "exit");
    assert.equal(code, 0);
    // Each build has a name of its own.
    const read = (file: string) =>
      readFileSync(file, "utf8").replace(/("buildx\.build\.ref": "default\/default\/)\w+/, "$1REF");
    assert.equal(read(ours), read(theirs));
  });

  it("builds for DOCKER_DEFAULT_PLATFORM where no platform is said", async () => {
    const place = writeFiles(join(folder, "platform"), { Dockerfile: "FROM scratch\nLABEL a=b\n" });
    const env = { DOCKER_DEFAULT_PLATFORM: "linux/arm64" };
    const architectureOf = async (...words: string[]) => {
      const { code, stderr } = await run(["-t", "meant", ...words, place], { env });
      assert.equal(code, 0, stderr);
      return berth("inspect", "-f", "{{.Architecture}}", "meant");
    };
    assert.equal(await architectureOf(), "arm64");
    assert.equal(await architectureOf("--platform", "linux/s390x"), "s390x");
  });
});

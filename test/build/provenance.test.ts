import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";

interface Described {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

describe("the provenance of an image", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-provenance-"));
  /** Serves a repository, and a file. */
  const server = createServer((request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "";
    if (path === "/file") return void response.end("content");
    try {
      response.end(readFileSync(join(folder, "served", path.replaceAll("..", ""))));
    } catch {
      response.writeHead(404).end();
    }
  });
  before(async () => {
    await berth("image", "make", "busybox");
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  const host = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  let count = 0;
  /** Builds a layout. @returns the image's layers, and the statement */
  async function state(provenance: string, ...words: string[]) {
    const place = join(folder, `layout-${++count}`);
    const output = ["-o", `type=oci,tar=false,dest=${place}`, "-t", "said:1"];
    const built = await engine.berth(["build", "-q", `--provenance=${provenance}`, ...output, ...words]);
    assert.equal(built.code, 0, built.stderr);
    const read = (path: string) => JSON.parse(readFileSync(join(place, path), "utf8"));
    const blob = (digest: string) => read(`blobs/sha256/${digest.replace("sha256:", "")}`);
    const [index] = read("index.json").manifests as [Described];
    const [image, attestation] = blob(index.digest).manifests as [Described, Described];
    const [layer] = blob(attestation.digest).layers as [Described];
    const statement = blob(layer.digest);
    assert.equal(layer.annotations?.["in-toto.io/predicate-type"], statement.predicateType);
    assert.equal(`sha256:${statement.subject[0].digest.sha256}`, image.digest);
    return { layers: blob(image.digest).layers as Described[], statement, predicate: statement.predicate };
  }
  const project = () =>
    writeFiles(join(folder, "project"), {
      Dockerfile: `FROM busybox AS one
RUN --mount=type=secret,id=s --mount=type=cache,target=/c echo 1 > /one
FROM busybox
ARG A=1
WORKDIR /w
COPY --from=one /one /
COPY x /
`,
      x: "x",
    });

  it("in full has the steps, their places in the Dockerfile, and the layers after each of them", async () => {
    const { layers, statement, predicate } = await state("mode=max", "--build-arg", "A=2", project());
    assert.equal(statement.predicateType, "https://slsa.dev/provenance/v0.2");
    const { llbDefinition: steps, digestMapping } = predicate.buildConfig;
    assert.equal(Object.keys(digestMapping).length, steps.length - 1);
    const kinds = steps.map((step: { op: { Op: object } }) => Object.keys(step.op.Op)[0]);
    assert.deepEqual(
      kinds.toSorted(),
      ["exec", "file", "file", "file", "source", "source", "source", undefined].toSorted(),
    );
    const run = steps.find((step: { op: { Op: { exec?: object } } }) => step.op.Op.exec);
    assert.deepEqual(run.op.Op.exec.meta.args, ["/bin/sh", "-c", "echo 1 > /one"]);
    assert.deepEqual(
      run.op.Op.exec.mounts.map(({ dest }: { dest: string }) => dest),
      ["/", "/run/secrets/s", "/c"],
    );
    const metadata = predicate.metadata["https://mobyproject.org/buildkit@v1#metadata"];
    assert.deepEqual(metadata.source.locations[run.id].locations[0].ranges[0].start, { line: 2 });
    assert.match(Buffer.from(metadata.source.infos[0].data, "base64").toString(), /^FROM busybox AS one/);
    const counts = Object.values(metadata.layers as Record<string, [Described[]]>).map(([all]) => all.length);
    assert.deepEqual(counts, [1, 2, 3, 4]);
    // Those of the image, compressed as they are in it.
    const [last] = Object.values(metadata.layers as Record<string, [Described[]]>).at(-1)!;
    assert.deepEqual(last, layers);
    const { invocation } = predicate;
    assert.deepEqual(invocation.parameters.args, { "build-arg:A": "2" });
    assert.deepEqual(invocation.parameters.secrets, [{ id: "s", optional: true }]);
    assert.deepEqual(predicate.metadata.completeness, {
      parameters: true,
      environment: true,
      materials: false,
    });
  });

  it("in short leaves out arguments, secrets and steps; the user names the builder", async () => {
    const options = "mode=min,builder-id=https://me.example/builder,reproducible=true";
    const { predicate } = await state(options, "--build-arg", "A=2", project());
    assert.equal(predicate.builder.id, "https://me.example/builder");
    assert.equal(predicate.metadata.reproducible, true);
    assert.deepEqual(predicate.invocation.parameters, {
      frontend: "dockerfile.v0",
      locals: [{ name: "context" }, { name: "dockerfile" }],
    });
    assert.equal(predicate.buildConfig, undefined);
    assert.deepEqual(predicate.metadata["https://mobyproject.org/buildkit@v1#metadata"], {});
  });

  it("is of SLSA's first version where that is asked for", async () => {
    const { statement, predicate } = await state("mode=max,version=v1,builder-id=x", project());
    assert.equal(statement.predicateType, "https://slsa.dev/provenance/v1");
    const { buildDefinition, runDetails } = predicate;
    assert.match(buildDefinition.resolvedDependencies[0].uri, /^pkg:docker\/busybox@latest/);
    assert.deepEqual(buildDefinition.externalParameters.configSource, { path: "Dockerfile" });
    assert.equal(runDetails.builder.id, "x");
    assert.deepEqual(Object.keys(runDetails.metadata.buildkit_metadata).toSorted(), ["layers", "source"]);
    const refused = await engine.berth(["build", "--provenance=version=v9", project()]);
    assert.match(refused.stderr, /invalid provenance version "v9": v0\.2 and v1 are known/);
  });

  it("names repositories and files of the web with their digests, and the context among them", async () => {
    const work = writeFiles(join(folder, "work"), {
      Dockerfile: `FROM busybox\nADD ${host()}/file /\nCOPY . /all\n`,
    });
    const git = (...words: string[]) => {
      const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", HOME: folder };
      const user = ["-c", "user.email=a@b.c", "-c", "user.name=n"];
      const done = spawnSync("git", [...user, ...words], { cwd: work, env, encoding: "utf8" });
      assert.equal(done.status, 0, done.stderr);
      return done.stdout.trim();
    };
    git("init", "-q", "-b", "main");
    git("add", "-A");
    git("commit", "-qm", "first");
    mkdirSync(join(folder, "served"), { recursive: true });
    git("clone", "-q", "--bare", work, join(folder, "served/repo.git"));
    spawnSync("git", ["update-server-info"], { cwd: join(folder, "served/repo.git") });
    const commit = git("rev-parse", "HEAD");
    const address = `${host().replace("//", "//user:secret@")}/repo.git#main`;
    const { predicate, statement } = await state("mode=max", address);
    assert.doesNotMatch(JSON.stringify(statement), /secret/);
    const [, repository, file] = predicate.materials;
    assert.match(repository.uri, /^http:\/\/\S+\/repo\.git#main$/);
    assert.deepEqual(repository.digest, { sha1: commit });
    const sha256 = createHash("sha256").update("content").digest("hex");
    assert.deepEqual(file, { uri: `${host()}/file`, digest: { sha256 } });
    assert.deepEqual(predicate.invocation.configSource, { ...repository, entryPoint: "Dockerfile" });
    assert.equal(predicate.invocation.parameters.locals, undefined);
    assert.equal(predicate.metadata.completeness.materials, true);
    assert.equal(predicate.metadata["https://mobyproject.org/buildkit@v1#hermetic"], true);
  });

  interface FileStatement {
    predicateType: string;
    subject: { name: string; digest: { sha256: string } }[];
    predicate: { metadata: { buildInvocationID: string } };
  }
  const files = () =>
    writeFiles(join(folder, "files"), {
      Dockerfile: `FROM busybox AS made
RUN mkdir -p /out/dir /out/empty && ln -s /etc/passwd /out/link && echo 1 > /out/dir/z && ln /out/dir/z /out/a
FROM scratch
ARG TARGETARCH
COPY --from=made /out /
COPY ["x", "/größe & <$TARGETARCH>"]
`,
      x: "content",
    });
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  const own = process.arch === "x64" ? "amd64" : process.arch;
  const subjectsFor = (architecture: string) => [
    { name: "a", digest: { sha256: sha256("1\n") } },
    { name: "dir/z", digest: { sha256: sha256("1\n") } },
    { name: `größe & <${architecture}>`, digest: { sha256: sha256("content") } },
  ];
  async function buildFiles(output: string, ...words: string[]): Promise<void> {
    const built = await engine.berth(["build", "-o", output, ...words, files()]);
    assert.equal(built.code, 0, built.stderr);
  }
  const readStatement = (path: string) => JSON.parse(readFileSync(path, "utf8")) as FileStatement;

  it("lies beside files as well, in a directory and in an archive, and names each of them", async () => {
    const [dest, archive] = [join(folder, "local"), join(folder, "files.tar")];
    await buildFiles(dest, "--provenance=mode=max,version=v1");
    assert.deepEqual(readdirSync(dest).sort(), [
      "a",
      "dir",
      "empty",
      `größe & <${own}>`,
      "link",
      "provenance.json",
    ]);
    const { subject, predicateType } = readStatement(join(dest, "provenance.json"));
    assert.deepEqual(subject, subjectsFor(own));
    assert.equal(predicateType, "https://slsa.dev/provenance/v1");
    assert.equal(statSync(join(dest, "provenance.json")).mode & 0o777, 0o600);
    await buildFiles(`type=tar,dest=${archive}`, "--provenance=true", "--build-arg", "SOURCE_DATE_EPOCH=100");
    const listed = spawnSync("tar", ["-tvf", archive, "provenance.json"], {
      encoding: "utf8",
      env: { TZ: "UTC" },
    });
    assert.match(listed.stdout, /^-rw------- 0\/0 +\d+ 1970-01-01 00:01 provenance\.json$/m);
    const { stdout } = spawnSync("tar", ["-xOf", archive, "provenance.json"], { encoding: "utf8" });
    const inArchive = JSON.parse(stdout) as FileStatement;
    assert.deepEqual(inArchive.subject, subjectsFor(own));
    assert.match(inArchive.predicate.metadata.buildInvocationID, /^[0-9a-z]{25}$/);
    const instead = join(folder, "instead");
    const place = writeFiles(join(folder, "instead-of"), {
      Dockerfile: [
        "FROM busybox",
        "RUN mkdir /out && cd /out && echo own > provenance.json && ln provenance.json z.json",
        "FROM scratch",
        "COPY --from=0 /out /",
      ].join("\n"),
    });
    const replaced = await engine.berth(["build", "-o", instead, "--provenance=true", place]);
    assert.equal(replaced.code, 0, replaced.stderr);
    assert.deepEqual(
      readStatement(join(instead, "provenance.json")).subject.map(({ name }) => name),
      ["provenance.json", "z.json"],
    );
    assert.equal(readFileSync(join(instead, "z.json"), "utf8"), "own\n");
    const without = join(folder, "without");
    await buildFiles(without);
    assert.ok(!existsSync(join(without, "provenance.json")));
  });

  it("is one for each platform, under a name that may be told", async () => {
    const platforms = ["--platform", `linux/${own},linux/s390x`, "--provenance=true"];
    const place = join(folder, "platforms");
    const foreign = () =>
      writeFiles(join(folder, "foreign"), {
        Dockerfile: "FROM scratch\nARG TARGETARCH\nCOPY x /$TARGETARCH\n",
        x: "content",
      });
    const build = async (output: string) => {
      const built = await engine.berth(["build", "-o", output, ...platforms, foreign()]);
      assert.equal(built.code, 0, built.stderr);
    };
    const subjects = (path: string) => readStatement(path).subject.map(({ name }) => name);
    await build(place);
    for (const architecture of [own, "s390x"])
      assert.deepEqual(subjects(join(place, `linux_${architecture}/provenance.json`)), [architecture]);
    const together = join(folder, "together");
    await build(`type=local,dest=${together},platform-split=false,attestation-prefix=said-`);
    for (const architecture of [own, "s390x"])
      assert.deepEqual(subjects(join(together, `said-provenance.linux_${architecture}.json`)), [
        architecture,
      ]);
    const refused = await engine.berth([
      ...["build", "-o", `type=local,dest=${together},attestation-prefix=../`, ...platforms, foreign()],
    ]);
    assert.match(refused.stderr, /invalid attestation-prefix "\.\.\/"/);
  });
});

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { json, serve } from "../client/server.ts";
import { stockDockers } from "../stock-docker.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "bt-context-"));
after(() => rmSync(folder, { recursive: true }));
let count = 0;

/** A configuration of its own, and our command line and a stock one on it. */
function setUp() {
  const config = join(folder, `config${count++}`);
  mkdirSync(config);
  const run = (program: string, before: string[], words: string[], env: Record<string, string> = {}) => {
    const base = { PATH: process.env.PATH ?? "", HOME: folder };
    const { status, stdout, stderr } = spawnSync(program, [...before, "--config", config, ...words], {
      env: { ...base, ...env },
      encoding: "utf8",
      cwd: config,
    });
    return { code: status, stdout, stderr };
  };
  const berth = (words: string[], env?: Record<string, string>) =>
    run(process.execPath, ["--", main], words, env);
  const docker = (words: string[], env?: Record<string, string>) =>
    run(stockDockers.at(-1) ?? "docker", [], words, env);
  return { config, berth, docker };
}

const [wrongFile, certFile, keyFile] = ["wrong.pem", "cert.pem", "key.pem"].map((name) => join(folder, name));
writeFileSync(wrongFile ?? "", "no certificate");
spawnSync("openssl", [
  ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
  ...["-subj", "/CN=x", "-keyout", keyFile ?? "", "-out", certFile ?? ""],
]);
const unixHost = (text: string) =>
  text.replaceAll("unix:///var/run/docker.sock", "unix:///run/berth/berth.sock");

describe("contexts", () => {
  it("are Docker's own: each command line reads and shows what the other has made", () => {
    const { berth, docker } = setUp();
    const steps: string[][] = [
      ["context", "create", "aa", "--docker", "host=unix:///tmp/x.sock", "--description", "my d"],
      ["context", "create", "aa"],
      ["context", "create", "x"],
      ["context", "create", "default"],
      ["context", "create", "bb", "--docker", "foo=bar"],
      ["context", "create", "bb", "--docker", "host=tcp://127.0.0.1:2376,ca=/nonexist"],
      ["context", "create", "bb", "--docker", `host=tcp://127.0.0.1:2376,ca=${wrongFile}`],
      [
        "context",
        "create",
        "bb",
        "--docker",
        `host=tcp://127.0.0.1:2376,ca=${certFile},cert=${certFile},key=${keyFile},skip-tls-verify=true`,
      ],
      ["context", "create", "cc", "--from", "aa"],
      ["context", "create", "dd"],
      ["context", "ls"],
      ["context", "ls", "-q"],
      ["context", "ls", "--format", "{{json .}}"],
      ["context", "inspect", "bb"],
      ["context", "inspect", "nosuch"],
      ["context", "use", "nosuch"],
      ["context", "use", "aa"],
      ["context", "show"],
      ["context", "rm", "aa"],
      ["context", "rm", "cc", "nosuch", "default"],
      ["context", "update", "dd", "--description", "new", "--docker", "host=unix:///y"],
      ["context", "update", "nosuch"],
      ["context", "export", "bb", "bb.tar"],
      ["context", "export", "bb", "bb.tar"],
      ["context", "import", "ee", "bb.tar"],
      ["context", "import", "ee", "bb.tar"],
      ["context", "import", "ff", "/dev/null"],
      ["context", "import", "ff", "nosuch"],
      ["context", "inspect", "ee"],
      ["context", "ls"],
      ["context", "rm", "-f", "aa", "nosuch"],
      ["context", "use", "default"],
      ["context", "show"],
    ];
    const other = setUp();
    for (const words of steps) {
      const ours = berth(words);
      const theirs = other.docker(words);
      const comparable = (said: string) =>
        unixHost(said)
          .replaceAll(/\/[^\s"]*config\d+/g, "CONFIG")
          .replaceAll("berth", "docker")
          .replace(/ +/g, " ");
      const shape = ({ code, stdout, stderr }: typeof ours) => [code, comparable(stdout), comparable(stderr)];
      assert.deepEqual(shape(ours), shape(theirs), words.join(" "));
    }
    for (const words of [
      ["context", "ls"],
      ["context", "inspect", "ee"],
    ]) {
      const normal = (text: string) => unixHost(text).replace(/ +/g, " ");
      assert.equal(normal(docker(words).stdout), normal(berth(words).stdout), "what ours has made");
      assert.equal(normal(other.berth(words).stdout), normal(other.docker(words).stdout));
    }
  });

  it("keep what others have written into them", () => {
    const foreign = {
      Name: "foreign",
      Metadata: { Description: "d", StackOrchestrator: "swarm", x: { a: 1 } },
      Endpoints: {
        docker: { Host: "unix:///x", SkipTLSVerify: false },
        kubernetes: { Host: "tcp://k", DefaultNamespace: "z" },
      },
    };
    const idOf = (name: string) => createHash("sha256").update(name).digest("hex");
    const both = [setUp(), setUp()] as const;
    for (const { config } of both) {
      for (const kind of ["meta", "tls"])
        mkdirSync(join(config, "contexts", kind, idOf("foreign"), kind === "tls" ? "kubernetes" : ""), {
          recursive: true,
        });
      writeFileSync(join(config, "contexts/meta", idOf("foreign"), "meta.json"), JSON.stringify(foreign));
      writeFileSync(join(config, "contexts/tls", idOf("foreign"), "kubernetes/k.pem"), "key");
    }
    for (const words of [
      ["update", "foreign", "--description", "new"],
      ["update", "foreign", "--docker", `host=tcp://127.0.0.1:2376,ca=${certFile}`],
      ["create", "copy", "--from", "foreign"],
      ["create", "both", "--from", "foreign", "--docker", "host=unix:///y"],
      ["export", "foreign", "foreign.tar"],
      ["import", "taken", "foreign.tar"],
      ["use", "foreign"],
      ["create", "current"],
    ]) {
      const [ours, theirs] = [both[0].berth(["context", ...words]), both[1].docker(["context", ...words])];
      assert.deepEqual(ours, theirs, words.join(" "));
    }
    for (const name of ["foreign", "copy", "taken", "current"]) {
      const [ours, theirs] = both.map(({ config }) =>
        JSON.parse(readFileSync(join(config, "contexts/meta", idOf(name), "meta.json"), "utf8")),
      );
      assert.deepEqual(ours, theirs, name);
      assert.equal(ours.Endpoints.kubernetes.DefaultNamespace, "z");
    }
    for (const { config } of both)
      assert.ok(existsSync(join(config, "contexts/tls", idOf("foreign"), "kubernetes/k.pem")));
    const [ours, theirs] = [both[0].berth, both[1].docker].map((run) => {
      const [{ Metadata, Endpoints }] = JSON.parse(run(["context", "inspect", "copy"]).stdout);
      return { Metadata, Endpoints };
    });
    assert.deepEqual(ours, theirs);
  });

  it("say which daemon is asked, after what is said for one command", async () => {
    const volumesOf = (name: string) =>
      serve((_, response) => json(response, 200, { Volumes: [{ Name: name, Driver: "local" }] }));
    const [stored, given] = await Promise.all([volumesOf("stored"), volumesOf("given")]);
    const { berth, config } = setUp();
    berth(["context", "create", "mine", "--docker", `host=${stored.host}`]);
    const asked = async (words: string[], env: Record<string, string> = {}) => {
      const all = ["--", main, "--config", config, ...words, "volume", "ls", "-q"];
      const child = spawn(process.execPath, all, {
        env: { PATH: process.env.PATH ?? "", HOME: folder, ...env },
      });
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
      return stdout.trim() || stderr.trim();
    };
    const host = given.host;
    assert.equal(await asked(["-c", "mine"]), "stored");
    assert.equal(await asked([], { DOCKER_CONTEXT: "mine" }), "stored");
    assert.equal(await asked(["-H", host], { DOCKER_CONTEXT: "mine" }), "given");
    assert.equal(await asked([], { DOCKER_CONTEXT: "mine", DOCKER_HOST: host }), "given");
    assert.equal(await asked(["-c", "mine"], { DOCKER_HOST: host }), "stored");
    berth(["context", "use", "mine"]);
    assert.equal(await asked([]), "stored");
    assert.equal(await asked([], { BERTH_HOST: host }), "given");
    assert.match(
      await asked(["-c", "nosuch"]),
      /^Failed to initialize: unable to resolve docker endpoint: context "nosuch": context not found/,
    );
    assert.match(
      await asked(["-c", "mine", "-H", host]),
      /^conflicting options: cannot specify both --host and --context$/,
    );
    const overridden = berth(["context", "use", "mine"], { DOCKER_HOST: "unix:///x" });
    assert.match(overridden.stderr, /Warning: DOCKER_HOST environment variable overrides the active context/);
    await Promise.all([stored.close(), given.close()]);
  });

  it("take nothing outside their folder from an archive, and keep their keys to themselves", () => {
    const { berth } = setUp();
    const archive = join(folder, "evil.tar");
    const source = join(folder, "evil");
    mkdirSync(join(source, "tls", "docker"), { recursive: true });
    writeFileSync(
      join(source, "meta.json"),
      JSON.stringify({ Name: "../../x", Metadata: {}, Endpoints: { docker: { Host: "unix:///e" } } }),
    );
    writeFileSync(join(source, "tls", "docker", "key.pem"), "key");
    writeFileSync(join(source, "tls", "docker", "other"), "x");
    spawnSync("tar", [
      "-C",
      source,
      "-P",
      "--transform",
      "s,tls/docker/other,tls/docker/../../../../escaped,",
      "-cf",
      archive,
      "meta.json",
      "tls",
    ]);
    assert.equal(berth(["context", "import", "good", archive]).code, 0);
    const [shown] = JSON.parse(berth(["context", "inspect", "good"]).stdout);
    assert.deepEqual([shown.Name, shown.TLSMaterial], ["good", { docker: ["key.pem"] }]);
    assert.equal(statSync(join(shown.Storage.TLSPath, "docker", "key.pem")).mode & 0o777, 0o600);
    assert.equal(spawnSync("find", [folder, "-name", "escaped"], { encoding: "utf8" }).stdout, "");
    for (const content of ["{", "[]", '{"Endpoints":5}']) {
      writeFileSync(join(shown.Storage.MetadataPath, "meta.json"), content);
      const { code, stderr } = berth(["-c", "good", "ps"]);
      assert.equal(code, 1);
      assert.match(stderr, /^Failed to initialize: .*context "good": parsing /);
    }
    assert.equal(berth(["context", "ls", "-q"]).stdout, "default\n");
  });
});

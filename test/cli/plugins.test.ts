import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../engine.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "bt-plugins-"));
after(() => rmSync(home, { recursive: true }));
const folder = join(home, ".docker", "cli-plugins");
mkdirSync(folder, { recursive: true });

function plugin(name: string, text: string, where = folder): void {
  writeFileSync(join(where, `docker-${name}`), `#!/bin/sh\n${text}\n`);
  chmodSync(join(where, `docker-${name}`), 0o755);
}

const environment = { PATH: process.env.PATH ?? "", HOME: home };

function berth(words: string[], env: Record<string, string> = {}) {
  return spawnSync(process.execPath, ["--", main, ...words], {
    env: { ...environment, ...env },
    encoding: "utf8",
  });
}

const metadata = '{"SchemaVersion":"0.1.0","Vendor":"x","Version":"1","ShortDescription":"Does things"}';
plugin(
  "things",
  `[ "$1" = docker-cli-plugin-metadata ] && { echo '${metadata}'; exit; }\necho "$DOCKER_HOST $*"; exit 7`,
);

describe("a plugin of Docker's command line", () => {
  it("is run with the whole command line, for our engine where nothing else is said", () => {
    const rows: [words: string[], env: Record<string, string>, said: string][] = [
      [["things", "up", "-d", "--x=y"], {}, "unix:///run/berth/berth.sock things up -d --x=y"],
      [["things", "up"], { BERTH_HOST: "unix:///b" }, "unix:///b things up"],
      [["things", "up"], { DOCKER_HOST: "unix:///d" }, "unix:///d things up"],
      [
        ["-D", "-H", "unix:///h", "things", "-H", "x"],
        {},
        "unix:///run/berth/berth.sock -D -H unix:///h things -H x",
      ],
      [["help", "things"], {}, "unix:///run/berth/berth.sock things --help"],
      // A context is the plugin's to find.
      [["-c", "other", "things"], {}, " -c other things"],
      [["things"], { DOCKER_CONTEXT: "other" }, " things"],
    ];
    for (const [words, env, said] of rows) {
      const { status, stdout, stderr } = berth(words, env);
      assert.deepEqual([status, stdout.trimEnd(), stderr], [7, said, ""], words.join(" "));
    }
  });

  it("is listed with what it says of itself, and one that does not answer so with what is wrong, as Docker says it", () => {
    const says = (name: string, text: string) => plugin(name, `echo '${text}'`);
    const faults: Record<string, [text: string, fault: RegExp]> = {
      broken: ["nonsense", /^invalid metadata: invalid JSON: /],
      list: ["[]", /^invalid metadata: invalid JSON: not a JSON object$/],
      odd: [
        '{"SchemaVersion":"0.1.0","Vendor":5}',
        /^invalid metadata: json: cannot unmarshal number into Go struct field Metadata.Vendor of type string$/,
      ],
      noschema: ['{"Vendor":"x"}', /^plugin SchemaVersion version cannot be empty$/],
      wrong: [
        '{"SchemaVersion":"one","Vendor":"x"}',
        /^plugin SchemaVersion "one" has wrong format: must be <major>\.<minor>\.<patch>$/,
      ],
      late: [
        '{"SchemaVersion":"2.0.0","Vendor":"x"}',
        /^plugin SchemaVersion "2\.0\.0" is not supported: must be lower than 2\.0\.0$/,
      ],
      novendor: ['{"SchemaVersion":"0.1.0"}', /^plugin metadata does not define a vendor$/],
      images: ['{"SchemaVersion":"0.1.0","Vendor":"x"}', /^plugin "images" duplicates builtin command$/],
      image: ['{"SchemaVersion":"0.1.0","Vendor":"x"}', /^plugin "image" duplicates builtin command$/],
      x_y: [
        '{"SchemaVersion":"0.1.0","Vendor":"x"}',
        /^plugin candidate "x_y" did not match "\^\[a-z\]\[a-z0-9\]\*\$"$/,
      ],
    };
    for (const [name, [text]] of Object.entries(faults)) says(name, text);
    plugin("fails", "exit 3");
    plugin("floods", "yes");
    writeFileSync(join(folder, "docker-plain"), "no program");
    const { stdout, status } = berth(["--help"]);
    assert.equal(status, 0);
    assert.match(stdout, /^ {2}things\* +Does things$/m);
    const invalid = /\nInvalid Plugins:\n([\s\S]*?)\n\n/.exec(stdout)?.[1]?.split("\n") ?? [];
    const seen = Object.fromEntries(invalid.map((line) => line.trim().split(/(?<=^\S+) +/)));
    const { fails, floods, ...others } = seen;
    assert.equal(fails, "failed to fetch metadata: exit status 3");
    assert.equal(floods, "failed to fetch metadata: it is longer than 65536 bytes");
    assert.deepEqual(Object.keys(others).sort(), Object.keys(faults).sort());
    for (const [name, [, fault]] of Object.entries(faults)) assert.match(others[name] ?? "", fault);

    const format = "{{range .ClientInfo.Plugins}}{{.Name}}|{{.Vendor}}|{{.Version}}|{{.Err}}\n{{end}}";
    const info = berth(["-H", "unix:///nonexistent", "info", "-f", format]);
    assert.equal(info.status, 0, info.stderr);
    assert.match(info.stdout, /^things\|x\|1\|<nil>$/m);
    assert.match(info.stdout, /^fails\|\|\|failed to fetch metadata: exit status 3$/m);
    for (const all of ["{{.}}", "{{json .}}"])
      assert.equal(berth(["-H", "unix:///nonexistent", "info", "-f", all]).status, 1, all);
    const shown = berth(["-H", "unix:///nonexistent", "info"]);
    assert.match(shown.stdout, /\n Plugins:\n {2}things: Does things \(x\)\n {4}Version: {2}1\n {4}Path: /);
    assert.match(shown.stderr, /^WARNING: Plugin ".*docker-fails" is not valid: failed to fetch metadata/m);
    assert.equal(shown.status, 1);
    for (const name of [...Object.keys(faults), "fails", "floods"]) rmSync(join(folder, `docker-${name}`));
  });

  it("is looked for where the configuration says, and never takes the place of a command", () => {
    const more = join(home, "more");
    mkdirSync(more);
    plugin("extra", "echo extra", more);
    plugin("ps", "echo taken");
    writeFileSync(join(home, ".docker", "config.json"), JSON.stringify({ cliPluginsExtraDirs: [more] }));
    assert.equal(berth(["extra"]).stdout, "extra\n");
    assert.doesNotMatch(berth(["ps", "--help"]).stdout, /taken/);
    for (const name of ["../cli-plugins/docker-things", "Things", "things.sh"])
      assert.match(berth([name]).stderr, /unknown command/, name);
  });

  it("that is missing is named with its package, and one that cannot start says why", () => {
    assert.match(
      berth(["scout"]).stderr,
      /'scout' is a plugin, which is not installed: it is in docker-scout-plugin/,
    );
    plugin("dead", "x");
    writeFileSync(join(folder, "docker-dead"), "#!/nonexistent\n");
    const { status, stderr } = berth(["dead"]);
    assert.equal(status, 126);
    assert.match(stderr, /the plugin .*docker-dead could not be started/);
  });

  const groups: number[] = [];
  after(() => {
    for (const group of groups)
      try {
        process.kill(-group, "SIGKILL");
      } catch {
        // It has ended, as it should.
      }
  });

  /** Starts it outside of any terminal's reach. */
  async function start(name: string) {
    const child = spawn(process.execPath, ["--", main, name], {
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    if (child.pid) groups.push(child.pid);
    const said = { out: "", err: "" };
    child.stdout.on("data", (chunk) => (said.out += chunk));
    child.stderr.on("data", (chunk) => (said.err += chunk));
    const exited = new Promise((resolve) => child.on("close", resolve));
    const says = (text: string) =>
      eventually(
        () => said.out,
        (out) => out === text,
      );
    await says("ready\n");
    return { child, said, says, exited };
  }

  it("gets the signals that end us", async () => {
    for (const signal of ["TERM", "INT", "HUP", "QUIT"] as const) {
      plugin("waits", `trap 'echo ended; exit 3' ${signal}; echo ready; while :; do sleep 0.1; done`);
      const { child, said, exited } = await start("waits");
      child.kill(`SIG${signal}`);
      assert.equal(await exited, 3);
      assert.deepEqual(said, { out: "ready\nended\n", err: "" });
    }
  });

  it("is ended at the third time", async () => {
    plugin("deaf", "trap 'echo heard' INT TERM; echo ready; while :; do sleep 0.1; done");
    const { child, said, says, exited } = await start("deaf");
    child.kill("SIGINT");
    await says("ready\nheard\n");
    child.kill("SIGTERM");
    await says("ready\nheard\nheard\n");
    child.kill("SIGINT");
    assert.equal(await exited, 1);
    assert.equal(said.err, "got 3 SIGTERM/SIGINTs, forcefully exiting\n");
  });

  it("that listens at Docker's socket ends by it, and gets no signal as well", async () => {
    writeFileSync(
      join(folder, "docker-listens"),
      `#!${process.execPath}
const { connect } = require("node:net");
const socket = connect(process.env.DOCKER_CLI_PLUGIN_SOCKET.replace("@", "\\0"));
socket.on("connect", () => console.log("ready")).resume();
socket.on("end", () => {
  console.log("told");
  process.exitCode = 5;
});
process.on("SIGINT", () => console.log("signal"));
`,
      { mode: 0o755 },
    );
    const { child, said, exited } = await start("listens");
    child.kill("SIGINT");
    assert.equal(await exited, 5);
    assert.deepEqual(said, { out: "ready\ntold\n", err: "" });
  });
});

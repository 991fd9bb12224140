import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { stockDockers } from "../stock-docker.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "bt-hooks-"));
const config = join(home, "config");
const told = join(home, "told");
mkdirSync(join(config, "cli-plugins"), { recursive: true });
after(() => rmSync(home, { recursive: true }));

/** Says $ANSWER to whoever asks what is next. */
const plugin = join(config, "cli-plugins/docker-guide");
writeFileSync(
  plugin,
  `#!/bin/sh
[ "$1" != docker-cli-plugin-metadata ] ||
  { echo '{"SchemaVersion":"0.1.0","Vendor":"x","Version":"1","ShortDescription":"Guides"}'; exit; }
[ "$2" = docker-cli-plugin-hooks ] || { echo did; exit "\${CODE:-0}"; }
printf "%s\\n" "$3" >>${told}; printf %s "$ANSWER"; exit "\${FAIL:-0}"
`,
);
chmodSync(plugin, 0o755);

function configure(settings: object): void {
  writeFileSync(join(config, "config.json"), JSON.stringify(settings));
}

const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** At a terminal, or without one. @returns what is shown, and what the plugin was asked */
function run(program: readonly string[], words: string[], env: Record<string, string>, isTerminal = true) {
  rmSync(told, { force: true });
  const line = [...program, "--config", config, "-H", `unix://${home}/none.sock`, ...words]
    .map(quote)
    .join(" ");
  const [command, ...rest] = isTerminal ? ["script", "-qec", line, "/dev/null"] : ["sh", "-c", line];
  const { status, stdout } = spawnSync(command as string, rest, {
    env: { PATH: process.env.PATH ?? "", HOME: home, TERM: "xterm", DOCKER_CLI_HOOKS: "true", ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  let questions: unknown[] = [];
  try {
    questions = readFileSync(told, "utf8")
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text));
  } catch {
    // It was not asked.
  }
  return { status, shown: stdout.replaceAll("\r", ""), questions };
}

const own = [process.execPath, "--", main];
const answer = (template: string) => JSON.stringify({ type: 0, template });
const hooks = "context ls,version,guide up,context show,run";
const plain = { plugins: { guide: { hooks } } };

/** Words, environment, and whether the plugin has something to say. */
const rows: [words: string[], env: Record<string, string>, isSaid: boolean][] = [
  [["context", "show"], { ANSWER: answer("after {{.Name}}\nand then") }, true],
  [
    ["context", "ls", "--format", "x{{.Name}}"],
    { ANSWER: answer('{{.Name}} {{flag . "format"}}|{{arg . 0}}') },
    true,
  ],
  [["context", "list", "-q"], { ANSWER: answer('{{.Name}} {{flag . "quiet"}}') }, true],
  [["guide", "up", "-d", "--x=y", "z"], { ANSWER: answer("{{.Name}}") }, false],
  [["guide", "up"], { CODE: "3", ANSWER: answer("no") }, false],
  [["guide", "down"], { ANSWER: answer("no") }, false],
  [["context", "inspect"], { ANSWER: answer("no") }, false],
  [["context", "show"], { ANSWER: "nonsense" }, false],
  [["context", "show"], { ANSWER: answer(" \n ") }, false],
  [["context", "show"], { ANSWER: answer("{{.Nope}}") }, false],
  [["context", "show"], { ANSWER: answer('{{flag . "nope"}}') }, false],
  [["context", "show"], { ANSWER: JSON.stringify({ type: 1, template: "x" }) }, false],
  [["context", "show"], { ANSWER: answer("x"), FAIL: "1" }, false],
  [["context", "show"], { ANSWER: answer("x"), DOCKER_CLI_HOOKS: "false" }, false],
  [["context", "show"], { ANSWER: answer("x"), DOCKER_CLI_HOOKS: "maybe" }, false],
  [["context", "show"], { ANSWER: answer("x"), DOCKER_CLI_HOOKS: "", DOCKER_CLI_HINTS: "1" }, true],
];

describe("what plugins say after a command", () => {
  const newest = stockDockers.at(-1);

  it("is printed as the stock command line prints it", (context) => {
    if (!newest) return context.skip("no stock command line");
    configure(plain);
    for (const [words, env, isSaid] of rows) {
      const ours = run(own, words, env);
      const theirs = run([newest], words, env);
      // Their plugin of the same name is told more flags than ours.
      if (words[0] !== "guide" && words[1] !== "inspect")
        assert.equal(ours.shown, theirs.shown, words.join(" "));
      assert.deepEqual([ours.status, ours.questions], [theirs.status, theirs.questions], words.join(" "));
      if (words[0] !== "guide")
        assert.equal(/What's next:/.test(ours.shown), isSaid, JSON.stringify([words, env]));
    }
  });

  it("is asked with the command's words, its switches and how it failed, and changes no exit code", () => {
    configure({ plugins: { guide: { hooks: "run,version" } } });
    const env = { ANSWER: answer("next") };
    const failed = run(own, ["run", "--rm", "-q", "--name", "n", "-e", "SECRET=b", "bb"], env);
    assert.equal(failed.status, 125);
    const [question] = failed.questions as { RootCmd: string; Flags: object; CommandError: string }[];
    assert.deepEqual(question?.Flags, { env: "", name: "", quiet: "true", rm: "true" });
    assert.match(question?.CommandError ?? "", /Cannot connect to the Docker daemon/);
    assert.match(failed.shown, /What's next:.*\n {4}next\n/);
    const { status, questions } = run(own, ["version", "--nope"], env);
    assert.deepEqual([status, questions.length], [125, 1]);
  });

  it("is said of failures alone where the configuration says so", () => {
    configure({ plugins: { guide: { "error-hooks": "version,context" } }, features: { hooks: "true" } });
    const env = { ANSWER: answer("next"), DOCKER_CLI_HOOKS: "" };
    assert.match(run(own, ["version"], env).shown, /What's next:/);
    assert.doesNotMatch(run(own, ["context", "show"], env).shown, /What's next:/);
  });

  it("is left out where nobody reads it, and has no colour where none is wanted", () => {
    configure(plain);
    const env = { ANSWER: answer("next") };
    const unread = run(own, ["context", "show"], env, false);
    assert.deepEqual([unread.shown, unread.questions], ["default\n", []]);
    assert.ok(run(own, ["context", "show"], env).shown.includes("\u001b[1m\nWhat's next:\u001b[0m\n"));
    const bare = run(own, ["context", "show"], { ...env, NO_COLOR: "1" }).shown;
    assert.equal(bare, "default\n\nWhat's next:\n    next\n");
  });

  it("is nothing where the configuration is of another kind", () => {
    for (const plugins of [
      { guide: { hooks: 5 } },
      { guide: "run" },
      ["guide"],
      { "../guide": { hooks: "context" } },
    ]) {
      configure({ plugins });
      const { status, shown } = run(own, ["context", "show"], { ANSWER: answer("next") });
      assert.equal(status, 0, shown);
      assert.doesNotMatch(shown, /What's next/);
    }
  });
});

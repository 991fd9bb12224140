import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

const folders = stockDockers
  .map((docker) => join(dirname(docker), "config", "cli-plugins"))
  .filter((folder) => existsSync(join(folder, "docker-compose")));

describe("the stock compose as a command of ours", () => {
  const { engine, berth } = useEngine();

  it("brings a project up and takes it down", async () => {
    const [plugins] = folders;
    assert.ok(plugins, "no compose of a newer suite: run scripts/test.sh, which fetches it");
    const config = join(engine.folder, "client");
    mkdirSync(config);
    writeFileSync(join(config, "config.json"), JSON.stringify({ cliPluginsExtraDirs: [plugins] }));
    const file = join(engine.folder, "compose.yaml");
    writeFileSync(file, "services:\n  one:\n    image: busybox\n    init: true\n    command: sleep 1000\n");
    const compose = async (...words: string[]) => {
      const answer = await engine.berth(["--config", config, "compose", "-f", file, "-p", "ours", ...words]);
      assert.equal(answer.code, 0, answer.stderr);
      return answer.stdout.trim();
    };
    await compose("up", "-d");
    assert.equal(await berth("ps", "--format", "{{.Names}} {{.State}}"), "ours-one-1 running");
    assert.equal(await compose("exec", "-T", "one", "echo", "said"), "said");
    const failed = await engine.berth([
      "--config",
      config,
      "compose",
      "-f",
      file,
      "-p",
      "ours",
      "exec",
      "-T",
      "one",
      "false",
    ]);
    assert.equal(failed.code, 1);
    await compose("down", "-t", "0");
    assert.equal(await berth("ps", "-aq"), "");
  });
});

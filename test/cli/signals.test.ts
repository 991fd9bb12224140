import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, useEngine } from "../engine.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

describe("signals of a client that is attached", () => {
  const { engine, berth } = useEngine();
  const traps = ["PROF", "TTOU", "PWR"].map((name) => `trap 'echo got ${name}' ${name}`);
  const script = `${traps.join(";")}; trap 'echo heard' INT TERM; while :; do sleep 0.1; echo tick; done`;

  function start(words: readonly string[]) {
    const child = spawn(process.execPath, [main, "-H", engine.host, ...words], {
      env: { ...process.env, DOCKER_CONFIG: "/nonexistent" },
    });
    const said = { out: "", err: "" };
    child.stdout.on("data", (text) => (said.out += text));
    child.stderr.on("data", (text) => (said.err += text));
    const says = (text: string, times = 1) =>
      eventually(
        () => said.out.split(text).length - 1,
        (count) => count >= times,
      );
    return { child, said, says };
  }

  it("reach the container, all but its own; the third that asks for the end ends the client", async () => {
    const lines = [
      ["run", "--name", "deaf", "busybox", "sh", "-c", script],
      ["attach", "deaf"],
    ];
    for (const words of lines) {
      const { child, said, says } = start(words);
      const ended = once(child, "close");
      await says("tick");
      for (const name of ["PROF", "TTOU", "PWR"] as const) {
        child.kill(`SIG${name}`);
        await says(`got ${name}`);
      }
      child.kill("SIGWINCH");
      child.kill("SIGINT");
      await says("heard");
      child.kill("SIGTERM");
      await says("heard", 2);
      child.kill("SIGINT");
      assert.deepEqual(await ended, [1, null]);
      assert.match(said.err, /^\ngot 3 SIGTERM\/SIGINTs, forcefully exiting\n$/);
      assert.equal(await berth("inspect", "-f", "{{.State.Running}}", "deaf"), "true");
    }
    await berth("rm", "-f", "deaf");
  });

  it("leave stats of several containers going when one of them is removed", async () => {
    for (const name of ["one", "two"]) await berth("run", "-d", "--name", name, "busybox", "sleep", "1000");
    const { child, said, says } = start([
      "stats",
      "--format",
      "{{.Name}} {{.MemUsage}} {{.PIDs}}",
      "one",
      "two",
    ]);
    const ended = once(child, "close");
    await says("two");
    await berth("rm", "-f", "one");
    await says("one -- / -- --", 2);
    const before = said.out.split("two").length;
    await says("two", before + 1);
    child.kill("SIGINT");
    await ended;
    const missing = await engine.berth(["stats", "nosuch", "two"]);
    assert.deepEqual([missing.code, /No such container: nosuch/.test(missing.stderr)], [1, true]);
    await berth("rm", "-f", "two");
  });
});

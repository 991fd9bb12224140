import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { useEngine } from "../engine.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

describe("standard output", () => {
  const { engine, berth } = useEngine();

  /** A shell's line in which `berth` is our command. */
  async function shell(line: string) {
    const script = `berth() { "${process.execPath}" -- "${main}" "$@"; }; set -o pipefail; ${line}`;
    const env = { ...process.env, BERTH_HOST: engine.host };
    const options = { env, timeout: 60_000, killSignal: "SIGKILL" as const };
    return promisify(execFile)("bash", ["-c", script], options).then(
      ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
      (error) => ({ stdout: error.stdout, stderr: error.stderr, code: error.code }),
    );
  }
  const flood = "berth run --rm busybox sh -c 'yes | head -c 20000000'";

  it("is written in full to a reader that is slow, without a word", async () => {
    assert.deepEqual(await shell(`${flood} | (sleep 1; wc -c)`), {
      stdout: "20000000\n",
      stderr: "",
      code: 0,
    });
  });

  for (const command of [flood, "berth save busybox", "berth logs flood", "berth cp flood:/bin -"]) {
    it(`that is a full disk is told in docker's words: ${command}`, async () => {
      await berth("rm", "-f", "flood");
      await berth("run", "--name", "flood", "busybox", "sh", "-c", "yes | head -c 300000");
      const { stderr, code } = await shell(`${command} >/dev/full`);
      assert.deepEqual({ stderr, code }, { stderr: "write /dev/stdout: no space left on device\n", code: 1 });
    });

    it(`that nobody reads any more ends the command in silence: ${command}`, async () => {
      const { stdout, stderr, code } = await shell(`${command} | head -c 1 | wc -c`);
      assert.deepEqual({ stdout, stderr, code }, { stdout: "1\n", stderr: "", code: 141 });
    });
  }

  it("comes to its end with the command, however much went through it", async () => {
    for (let times = 0; times < 5; times++) {
      const line = "head -c 8000000 /dev/zero | berth run -i --rm busybox cat | wc -c";
      assert.deepEqual(await shell(line), { stdout: "8000000\n", stderr: "", code: 0 });
    }
  });
});

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { commands } from "../../src/cli/table.ts";
import { startEngine } from "../engine.ts";
import type { Random } from "../random.ts";
import type { Target } from "./target.ts";
import { oddWords, spoil } from "./words.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
/** These would wait for something, serve, or end the engine. */
const left =
  /^(registry|system stop|system dial-stdio|daemon|events|system events|stats|container stats|login|logout|search)/;
const names = Object.keys(commands).filter((name) => !left.test(name));
const flags = [
  "-a",
  "-q",
  "--format",
  "-f",
  "--filter",
  "--help",
  "--nosuch",
  "-t",
  "0",
  "-n",
  "--no-trunc",
  "-v",
  "--name",
];
const odd = [...oddWords, "box", "made"].filter((word) => !word.includes("\0"));
const mostMilliseconds = 20_000;

function randomLine(random: Random): Buffer[] {
  const name = random.next() < 0.9 ? random.pick(names) : spoil(random, random.pick(names));
  const words = Array.from({ length: random.between(0, 4) }, () =>
    random.pick(random.next() < 0.5 ? flags : odd),
  );
  return [...name.split(" "), ...words]
    .filter((word) => !word.includes("\0"))
    .map((word) => {
      const bytes = Buffer.from(word);
      // What is no UTF-8 cannot come from Node: xargs gives it.
      return random.next() < 0.1 ? Buffer.concat([bytes, Buffer.from([0xff, 0xfe])]) : bytes;
    });
}

function run(line: Buffer[], host: string): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    const program = ["xargs", "-0", process.execPath, "--", main];
    const env = { ...process.env, BERTH_HOST: host, DOCKER_CONFIG: "/nonexistent" };
    const child = spawn(program[0]!, program.slice(1), {
      env,
      detached: true,
      stdio: ["pipe", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const timer = setTimeout(() => process.kill(-(child.pid ?? 0), "SIGKILL"), mostMilliseconds);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stderr });
    });
    child.stdin.on("error", () => {});
    child.stdin.end(Buffer.concat(line.flatMap((word) => [word, Buffer.of(0)])));
  });
}

/** Command lines as a shell gives them, with a real engine: each comes to an end, with words that are meant for people. */
export const cli: Target = {
  name: "cli",
  smallCount: 25,
  mostMilliseconds: mostMilliseconds + 5000,
  async open() {
    const engine = await startEngine();
    await engine.berth(["image", "make", "busybox"]);
    await engine.berth(["run", "-d", "--name", "box", "busybox", "sleep", "100000"]);
    const descriptors = () => readdirSync(`/proc/${engine.pid()}/fd`).length;
    const before = descriptors();
    return {
      async attempt(random) {
        const line = randomLine(random);
        const { code, stderr } = await run(line, engine.host);
        const shown = `${line.map((word) => JSON.stringify(word.toString("latin1"))).join(" ")}: ${stderr}`;
        assert.notEqual(code, null, `it did not end: ${shown}`);
        assert.doesNotMatch(stderr, /\n {4}at |BUG|Warning:|TypeError|RangeError/, shown);
      },
      async close() {
        assert.ok(descriptors() < before + 50, "descriptors are left open");
        await engine.stop();
      },
    };
  },
};

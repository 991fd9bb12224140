import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { watchForeign } from "../../src/supervisor/foreign.ts";

it("a process whose pid has been given to another is taken for ended, and costs no descriptor", async () => {
  const count = () => readdirSync("/proc/self/fd").length;
  const before = count();
  for (let n = 0; n < 20; n++) {
    const exitCode = await new Promise((resolve) => watchForeign(process.pid, 1, resolve));
    assert.equal(exitCode, undefined);
  }
  assert.equal(count(), before);
});

it("the end is reported of the process that has ended, also when its descriptor's number is another's by then", () => {
  const program = fileURLToPath(new URL("./reused-descriptor.ts", import.meta.url));
  const ends = execFileSync(process.execPath, [program], { encoding: "utf8", timeout: 120_000 });
  assert.deepEqual(ends.trim().split("\n"), ["first", "second"]);
});

it("a process lives until its end is seen, also where there are no descriptors to watch it by", () => {
  const program = fileURLToPath(new URL("./no-descriptors.ts", import.meta.url));
  const words = ["-c", 'ulimit -n 100; exec "$0" "$1"', process.execPath, program];
  const told = execFileSync("sh", words, { encoding: "utf8", timeout: 120_000 });
  assert.match(told, /^alive\ndescriptors\nended \w+\n$/);
});

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { outwaitRuntimes } from "../../src/supervisor/orphans.ts";

/** Calls itself a runtime: its words come by the environment, so that nothing above it has them. */
const named = 'exec sh -c "echo here; cat >/dev/null" x --root "$RUNTIME_ROOT"';

/** Once it runs. */
async function begin(execRoot: string, words: string[]): Promise<ChildProcess> {
  const env = { ...process.env, RUNTIME_ROOT: join(execRoot, "runtime/crun") };
  const [program = "", ...others] = [...words, "sh", "-c", named];
  const child = spawn(program, others, { stdio: ["pipe", "pipe", "inherit"], env });
  await once(child.stdout as NonNullable<typeof child.stdout>, "data");
  return child;
}

it("kills a runtime that hangs, and nothing that calls itself one in a container", async () => {
  const execRoot = mkdtempSync(join(tmpdir(), "bt-orphans-"));
  const contained = await begin(execRoot, ["unshare", "--pid", "--fork", "--kill-child"]);
  await outwaitRuntimes(execRoot);
  contained.stdin?.end();
  assert.deepEqual(await once(contained, "exit"), [0, null]);
  const hanging = await begin(execRoot, []);
  const ended = once(hanging, "exit");
  await outwaitRuntimes(execRoot);
  assert.deepEqual(await ended, [null, "SIGKILL"]);
  rmSync(execRoot, { recursive: true });
});

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { outwaitRuntimes } from "../../src/supervisor/orphans.ts";

/** Calls itself a runtime: its words come by the environment, so that nothing above it has them. */
const named = 'exec sh -c "echo here; cat >/dev/null" x --root "$RUNTIME_ROOT" --pid-file "$PID_FILE"';

/** Once it runs. */
async function begin(execRoot: string, words: string[], pidFile = ""): Promise<ChildProcess> {
  const env = { ...process.env, RUNTIME_ROOT: join(execRoot, "runtime/crun"), PID_FILE: pidFile };
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

it("ends health checks that no one waits for any more, and none that a foreign file names", async () => {
  const execRoot = mkdtempSync(join(tmpdir(), "bt-orphans-"));
  const bundle = join(execRoot, "bundles/one");
  mkdirSync(bundle, { recursive: true });
  for (const [folder, ends] of [
    [execRoot, [0, null]],
    [bundle, [null, "SIGKILL"]],
  ] as const) {
    const probed = await begin(join(execRoot, "elsewhere"), []);
    const probedEnds = once(probed, "exit");
    const pidFile = join(folder, "exec-two.json.probe-pid");
    writeFileSync(pidFile, String(probed.pid));
    const waiting = await begin(execRoot, [], pidFile);
    const waitingEnds = once(waiting, "exit");
    await outwaitRuntimes(execRoot);
    assert.deepEqual(await waitingEnds, [null, "SIGKILL"]);
    probed.stdin?.end();
    assert.deepEqual(await probedEnds, ends);
  }
  rmSync(execRoot, { recursive: true });
});

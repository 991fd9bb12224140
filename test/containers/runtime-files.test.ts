import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Container } from "../../src/containers/container.ts";
import type { Containers } from "../../src/containers/containers.ts";
import { deleteFromRuntime } from "../../src/containers/runtime-files.ts";
import { createLauncher } from "../../src/launch/launch.ts";

test("a container whose runtime is no longer configured needs none, unless that has left something", async () => {
  const execRoot = mkdtempSync(join(tmpdir(), "bt-runtime-"));
  const calls: unknown[] = [];
  const supervisor = { call: async (...words: unknown[]) => calls.push(words) };
  const launcher = createLauncher(execRoot, () => supervisor as never);
  const settings = { execRoot, runtimes: {} as Record<string, string>, runtimeArgs: {} };
  const containers = { launcher, settings } as unknown as Containers;
  const container = { record: { id: "one", hostConfig: { Runtime: "other" } } } as Container;
  try {
    await deleteFromRuntime(containers, container);
    const left = join(execRoot, "runtime/other/one");
    mkdirSync(left, { recursive: true });
    await assert.rejects(deleteFromRuntime(containers, container), {
      kind: "conflict",
      message: `runtime other is no longer configured and has left ${left}: add it to the configured runtimes again`,
    });
    assert.deepEqual(calls, []);
    settings.runtimes.other = "/usr/bin/other";
    await deleteFromRuntime(containers, container);
    assert.equal(calls.length, 1);
  } finally {
    await launcher.close();
    rmSync(execRoot, { recursive: true });
  }
});

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { Children } from "../../src/supervisor/children.ts";
import { spawn } from "../../src/supervisor/spawn.ts";
import { openTerminal } from "../../src/supervisor/stdio.ts";
import { createTrace } from "../../src/trace.ts";
import { eventually } from "../engine.ts";

const countDescriptors = () => readdirSync("/proc/self/fd").length;

it("leaves no descriptor of what a runtime says it has started and has not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-spawn-"));
  const children = new Children();
  const start = (terminal: boolean) =>
    spawn(
      children,
      {
        ...{ process: "one", container: "one", command: ["run"], terminal, openStdin: true },
        runtime: { program: "true", root: join(folder, "runtime") },
        log: { driver: "json-file", path: join(folder, "log"), maxSizeBytes: 1 << 20, maxFiles: 1 },
        folder: join(folder, "one"),
        consoleFolder: folder,
        signal: new AbortController().signal,
      },
      createTrace(),
    );
  // What is opened once and kept is open by then.
  for (const terminal of [false, true]) await assert.rejects(start(terminal), { code: "ENOENT" });
  const before = countDescriptors();
  for (const terminal of [false, true]) await assert.rejects(start(terminal), { code: "ENOENT" });
  // A namespace is let go of by a thread.
  await eventually(countDescriptors, (count) => count <= before);
  rmSync(folder, { recursive: true });
});

it("lets go of a terminal that was never sent once, however often it is told to", () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-spawn-"));
  const before = countDescriptors();
  const pending = openTerminal(folder, folder, undefined);
  assert.throws(() => pending.begin(() => {}), /accept4/);
  assert.equal(countDescriptors(), before);
  pending.abandon();
  assert.equal(countDescriptors(), before);
  rmSync(folder, { recursive: true });
});

import assert from "node:assert/strict";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { openPipes } from "../../src/supervisor/stdio.ts";

it("holds no writer back whose input the process has closed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-stdio-"));
  const pending = openPipes(folder, true);
  const reader = openSync(join(folder, "stdin"), constants.O_RDONLY | constants.O_NONBLOCK);
  const stdio = pending.begin(() => {});
  assert.equal(stdio.write(Buffer.alloc(1 << 20)), false);
  const writable = new Promise<void>((resolve) => stdio.onceWritable(resolve));
  closeSync(reader);
  await writable;
  assert.equal(stdio.write(Buffer.alloc(1 << 20)), true);
  await stdio.finish();
  rmSync(folder, { recursive: true });
});

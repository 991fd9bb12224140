import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { listenPrivately } from "../../src/sys/listen.ts";

test("a socket has its mode from the first moment, and the process its old mask", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-listen-"));
  const path = join(folder, "s");
  const server = createServer();
  const mask = process.umask();
  const listening = new Promise<void>((resolve) => {
    listenPrivately(server, path, 0o660, resolve);
    assert.equal(statSync(path).mode & 0o777, 0o660);
  });
  assert.equal(process.umask(), mask);
  await listening;
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

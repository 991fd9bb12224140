import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { createLifelines } from "../../src/supervisor-client/lifelines.ts";
import { openSupervisor } from "../../src/supervisor-client/open.ts";
import { supervisorLog } from "../../src/supervisor-protocol/connect.ts";
import { eventually } from "../engine.ts";

it("is emptied when it is full, however often, and what comes next is kept", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-log-"));
  const log = supervisorLog(folder);
  // With one call, which is done in whole before the log is emptied.
  const tooMuch = Buffer.alloc(2 << 20, "x");
  // A supervisor before this one may have left much.
  appendFileSync(log, tooMuch);
  const supervisor = await openSupervisor(folder, join(folder, "spool"), createLifelines(folder));
  try {
    for (let round = 0; round < 3; round++) {
      await eventually(
        () => statSync(log).size,
        (size) => size === 0,
      );
      appendFileSync(log, tooMuch);
    }
    await eventually(
      () => statSync(log).size,
      (size) => size === 0,
    );
    appendFileSync(log, "the next error\n");
    assert.deepEqual(await supervisor.call("list", {}), []);
    assert.equal(readFileSync(log, "utf8"), "the next error\n");
  } finally {
    const lost = new Promise<void>((resolve) => supervisor.onLost(resolve));
    await supervisor.call("shutdown", {});
    await lost;
    rmSync(folder, { recursive: true });
  }
});

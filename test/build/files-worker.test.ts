import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { FilesJob, FilesResult } from "../../src/build/solve/files.worker.ts";
import { createJobRunner } from "../../src/sys/jobs.ts";

test("work on a file without end stops when it is no longer wanted", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-files-worker-"));
  const endless = join(folder, "tree/endless");
  mkdirSync(join(folder, "tree"));
  writeFileSync(endless, "");
  // Sparse: it takes hours to read, and no room.
  truncateSync(endless, 8 * 1024 ** 4);
  const runner = createJobRunner<FilesJob, FilesResult>("build/solve/files.worker", 1);
  const whole = { pattern: "", hasWildcards: false };
  const read = (path: string, signal?: AbortSignal) =>
    runner.run(
      {
        ...{ kind: "checksum", mountpoint: join(folder, "m"), selections: [whole], exclude: [] },
        source: { kind: "folder", path },
      },
      signal,
    );
  try {
    mkdirSync(join(folder, "small"));
    const before = await read(join(folder, "small"));
    const stop = new AbortController();
    const reading = assert.rejects(read(join(folder, "tree"), stop.signal), { message: "enough" });
    stop.abort(new Error("enough"));
    await reading;
    assert.equal(await read(join(folder, "small")), before);
  } finally {
    await runner.close();
    rmSync(folder, { recursive: true });
  }
});

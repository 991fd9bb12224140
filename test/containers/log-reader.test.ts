import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { followEntries } from "../../src/containers/logs/json-file-reader.ts";
import { LogFile } from "../../src/supervisor/log-file.ts";
import { eventually } from "../engine.ts";

for (const maxFiles of [1, 3]) {
  it(`who follows a log of ${maxFiles} files sees every line across its rotations`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "bt-follow-"));
    const path = join(folder, "json.log");
    const log = new LogFile({ path, maxSizeBytes: 300, maxFiles });
    const ended = Promise.withResolvers<void>();
    const seen: string[] = [];
    const follow = async () => {
      for await (const entries of followEntries(path, undefined, 0, ended.promise))
        seen.push(...entries.map((entry) => entry.log.trim()));
    };
    const following = follow();
    const wanted = Array.from({ length: 40 }, (_, n) => `line ${n}`);
    for (const [n, line] of wanted.entries()) {
      log.append("stdout", Buffer.from(`${line}\n`));
      await eventually(
        () => seen.length,
        (length) => length > n,
      );
    }
    await log.end();
    ended.resolve();
    await following;
    assert.deepEqual(seen, wanted);
    rmSync(folder, { recursive: true });
  });
}

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import fs, { mkdtempSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it, mock } from "node:test";
import { setImmediate, setTimeout } from "node:timers/promises";
import { openJsonFile } from "../../src/containers/logs/json-file.ts";
import { followEntries, markEnd } from "../../src/containers/logs/json-file-reader.ts";
import { watchLog } from "../../src/containers/logs/watch-log.ts";
import type { LogEntry } from "../../src/formats/log-entry.ts";
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
      for await (const entries of followEntries(path, undefined, 0, markEnd(path, ended.promise)))
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

for (const compress of [false, true])
  it(`who follows a log and comes late has every line of files that were ${compress ? "compressed" : "rotated"} meanwhile`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "bt-follow-"));
    const path = join(folder, "json.log");
    const log = new LogFile({ path, maxSizeBytes: 300, maxFiles: 20, compress });
    const ended = Promise.withResolvers<void>();
    log.append("stdout", Buffer.from("line 0\n"));
    await log.whenWritten();
    const seen: string[] = [];
    const following = followEntries(path, undefined, 0, markEnd(path, ended.promise));
    const note = (entries: LogEntry[]) => seen.push(...entries.map((entry) => entry.log.trim()));
    note((await following.next()).value ?? []);
    const wanted = Array.from({ length: 30 }, (_, n) => `line ${n}`);
    for (const line of wanted.slice(1)) log.append("stdout", Buffer.from(`${line}\n`));
    await log.end();
    ended.resolve();
    for await (const entries of following) note(entries);
    assert.deepEqual(seen, wanted);
    rmSync(folder, { recursive: true });
  });

it("who follows slowly sees nothing that was written after the end, also where the log was rotated then", async () => {
  for (const isRotated of [false, true]) {
    const folder = mkdtempSync(join(tmpdir(), "bt-follow-"));
    const path = join(folder, "json.log");
    const log = new LogFile({ path, maxSizeBytes: isRotated ? 300 : 1 << 20, maxFiles: 5 });
    const ended = Promise.withResolvers<void>();
    const write = async (line: string) => {
      log.append("stdout", Buffer.from(`${line}\n`));
      await log.whenWritten();
    };
    await write("first");
    const source = openJsonFile(path);
    const all = { stdout: true, stderr: true, since: undefined, until: undefined, tail: undefined };
    const following = source.follow(all, ended.promise);
    const seen = ((await following.next()).value ?? []) as LogEntry[];
    await write("last");
    ended.resolve();
    await setImmediate();
    for (let n = 0; n < 10; n++) await write("of the next run");
    for await (const entries of following) seen.push(...entries);
    assert.deepEqual(
      seen.map((entry) => entry.log.trim()),
      ["first", "last"],
      `rotated: ${isRotated}`,
    );
    await log.end();
    rmSync(folder, { recursive: true });
  }
});

it("who waits for a log is woken by its own file, and by no other in its folder", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-watch-"));
  const path = join(folder, "json.log");
  let calls = 0;
  const close = watchLog(path, () => calls++);
  for (const name of ["json.log.1.gz", "json.log.1.ab.plain", "shipped.json"])
    writeFileSync(join(folder, name), "x");
  await setTimeout(50);
  assert.equal(calls, 0);
  renameSync(join(folder, "shipped.json"), path);
  await eventually(
    () => calls,
    (count) => count > 0,
  );
  close();
  rmSync(folder, { recursive: true });
});

it("who begins to follow a log in the moment its container is removed gets its end, and no file stays open", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-follow-"));
  const path = join(folder, "json.log");
  const log = new LogFile({ path, maxSizeBytes: 1_000_000, maxFiles: 1 });
  log.append("stdout", Buffer.from("said\n"));
  await log.end();
  const selection = { stdout: true, stderr: true, since: undefined, until: undefined, tail: undefined };
  const following = openJsonFile(path).follow(selection, Promise.resolve());
  const { value } = await following.next();
  assert.equal(value?.[0]?.log, "said\n");
  rmSync(folder, { recursive: true });
  for await (const entries of following) assert.deepEqual(entries, []);
  const open = readdirSync("/proc/self/fd").filter((fd) =>
    readLink(`/proc/self/fd/${fd}`).startsWith(folder),
  );
  assert.deepEqual(open, []);
});

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

it("a log is followed where the kernel has no watches left", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-watch-"));
  const path = join(folder, "log");
  for (const code of ["EMFILE", "ENOSPC"]) {
    mock.method(fs, "watch", () => {
      throw Object.assign(new Error(`${code}: watch`), { code });
    });
    syncBuiltinESMExports();
    const { promise: called, resolve } = Promise.withResolvers<void>();
    const close = watchLog(path, resolve);
    await called;
    close();
  }
  mock.restoreAll();
  syncBuiltinESMExports();
  rmSync(folder, { recursive: true });
});

it("a log is followed on after its watch has failed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-watch-"));
  const watcher = Object.assign(new EventEmitter(), { close: () => {} });
  mock.method(fs, "watch", () => watcher);
  syncBuiltinESMExports();
  const { promise: called, resolve } = Promise.withResolvers<void>();
  const close = watchLog(join(folder, "log"), resolve);
  watcher.emit("error", new Error("no"));
  await called;
  close();
  mock.restoreAll();
  syncBuiltinESMExports();
  rmSync(folder, { recursive: true });
});

import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { adopt } from "../../src/supervisor/adopt.ts";
import { type HeldProcess, HeldProcesses } from "../../src/supervisor/held.ts";
import { makeFifo } from "../../src/sys/fifo.ts";
import { eventually } from "../engine.ts";

const countDescriptors = () => readdirSync("/proc/self/fd").length;

it("opens an input again that is still open, and none that was closed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-adopt-"));
  const processes = new HeldProcesses(join(folder, "p"), join(folder, "spool"), () => {});
  for (const id of ["open", "closed"]) {
    const own = processes.folderOf(id);
    mkdirSync(own);
    for (const name of ["stdin", "stdout", "stderr"]) makeFifo(join(own, name));
    const reader = openSync(join(own, "stdin"), constants.O_RDONLY | constants.O_NONBLOCK);
    const kept = openSync(join(own, "stdin"), constants.O_WRONLY | constants.O_NONBLOCK);
    const lifeline = id === "open" ? { pid: process.pid, fd: kept } : undefined;
    const ended = Promise.withResolvers<HeldProcess>();
    const identity = { process: id, pid: process.pid, startTicks: 1 };
    const stdio = { terminal: false, openStdin: true, ...(lifeline && { lifeline }) };
    adopt(processes, { ...identity, ...stdio }, ended.resolve);
    closeSync(kept);
    const read = () => readSync(reader, Buffer.alloc(1));
    // What has no writer has ended.
    if (lifeline) assert.throws(read, { code: "EAGAIN" });
    else assert.equal(read(), 0);
    closeSync(reader);
    await processes.end(id, await ended.promise, 0);
  }
  rmSync(folder, { recursive: true });
});

it("loses no output of a process that could not be adopted at first, and no descriptor", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-adopt-"));
  const processes = new HeldProcesses(join(folder, "p"), join(folder, "spool"), () => {});
  const own = processes.folderOf("one");
  mkdirSync(own);
  const [stdin, stdout, stderr] = ["stdin", "stdout", "stderr"].map((name) => join(own, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [stdin, stdout, stderr]) makeFifo(path);
  const reader = openSync(stdin, constants.O_RDONLY | constants.O_NONBLOCK);
  const kept = openSync(stdin, constants.O_WRONLY | constants.O_NONBLOCK);
  const writers = [stdout, stderr].map((path) => openSync(path, constants.O_RDWR)) as [number, number];
  const ended = Promise.withResolvers<HeldProcess>();
  const adoptWith = (path: string) => {
    const log = { driver: "json-file", path, maxSizeBytes: 1 << 20, maxFiles: 1 } as const;
    // There is none that began then.
    const identity = { process: "one", pid: process.pid, startTicks: 1 };
    const lifeline = { pid: process.pid, fd: kept };
    adopt(processes, { ...identity, terminal: false, openStdin: true, lifeline, log }, ended.resolve);
  };
  const before = countDescriptors();
  assert.throws(() => adoptWith(join(folder, "nowhere/log")), { code: "ENOENT" });
  assert.equal(countDescriptors(), before);
  renameSync(stderr, join(own, "away"));
  assert.throws(() => adoptWith(join(folder, "log")), { code: "ENOENT" });
  await eventually(countDescriptors, (count) => count === before);
  renameSync(join(own, "away"), stderr);
  writeSync(writers[0], "a line\n");
  // What still read would have it by now.
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  adoptWith(join(folder, "log"));
  await eventually(
    () => readFileSync(join(folder, "log"), "utf8"),
    (text) => text.includes("a line"),
  );
  for (const fd of [reader, kept, ...writers]) closeSync(fd);
  await processes.end("one", await ended.promise, 0);
  rmSync(folder, { recursive: true });
});

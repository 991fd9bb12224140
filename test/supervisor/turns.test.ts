import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeSync } from "node:fs";
import { type OnReadOpts, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { takeInTurns } from "../../src/supervisor/turns.ts";
import { makeFifo, openOutputFifo } from "../../src/sys/fifo.ts";
import { eventually } from "../engine.ts";

describe("a pipe read in turns", () => {
  let folder: string;
  let fds: { childFd: number; readFd: number };
  let taken: string;
  let pieces: number[];
  const open = () => {
    const socket = (onread: OnReadOpts) =>
      new Socket({ fd: fds.readFd, readable: true, writable: false, onread });
    return takeInTurns(socket, fds.readFd, (piece) => {
      taken += piece.toString();
      pieces.push(piece.length);
    });
  };
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => `${from + n}\n`).join("");

  const untilTaken = (length: number) =>
    eventually(
      () => taken.length,
      (got) => got >= length,
    );
  /** In which a reader that is not paused would read. */
  const turnsOfTheLoop = async () => {
    for (let turn = 0; turn < 10; turn++) await setImmediate();
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "turns-"));
    makeFifo(join(folder, "fifo"));
    fds = openOutputFifo(join(folder, "fifo"));
    [taken, pieces] = ["", []];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("gives everything once and in order, in small pieces, however it is paused", async () => {
    const intake = open();
    for (let from = 0; from < 20_000; from += 2000) {
      writeSync(fds.childFd, lines(from, from + 2000));
      if (from % 4000 === 0) intake.pause();
      await turnsOfTheLoop();
      intake.resume();
      intake.resume();
    }
    await untilTaken(lines(0, 20_000).length);
    await intake.drain();
    assert.equal(taken, lines(0, 20_000));
    assert.ok(Math.max(...pieces) <= 16 * 1024);
  });

  it("comes to an end with a writer that never does", async () => {
    const intake = open();
    const writer = spawn("yes", [], { stdio: ["ignore", fds.childFd, "ignore"] });
    try {
      await untilTaken(100_000);
      const before = taken.length;
      await intake.drain();
      assert.ok(taken.length - before < 3 << 20, `${taken.length - before} bytes more`);
    } finally {
      writer.kill("SIGKILL");
    }
  });

  it("drains what was read and what is still in the pipe, paused or not, and no more than there is", async () => {
    const intake = open();
    writeSync(fds.childFd, lines(0, 5000));
    await untilTaken(1);
    intake.pause();
    writeSync(fds.childFd, lines(5000, 9000));
    await turnsOfTheLoop();
    await intake.drain();
    assert.equal(taken, lines(0, 9000));
  });
});

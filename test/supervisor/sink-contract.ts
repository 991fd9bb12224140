import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { LogEntry } from "../../src/formats/log-entry.ts";
import { createLogSink, type LogSink } from "../../src/supervisor/log-sink.ts";
import type { LogOptions } from "../../src/supervisor-protocol/protocol.ts";

export type Line = Pick<LogEntry, "stream" | "log">;

export interface SinkCase {
  /** For a log in a folder of its own, with room for more than the contract writes. */
  options(folder: string): LogOptions;
  /** All that is in it, in the order in which it was written; undefined for a driver that keeps nothing. */
  read(options: LogOptions): Line[] | undefined;
}

/** More than any sink gathers. */
const floodBytes = 4 << 20;

/** What any driver's sink must do. @param driver its name */
export function testSink(driver: string, { options, read }: SinkCase): void {
  async function withLog(use: (open: () => LogSink, lines: () => Line[] | undefined) => Promise<void>) {
    const folder = mkdtempSync(join(tmpdir(), "bt-sink-"));
    try {
      const given = options(folder);
      await use(
        () => createLogSink(given),
        () => read(given),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  const line = (log: string, stream: LogEntry["stream"] = "stdout"): Line => ({ stream, log });
  /** Nothing at all of a driver that keeps nothing. */
  const expectLines = (found: Line[] | undefined, expected: Line[]) =>
    assert.deepEqual(found, found && expected);

  describe(`the sink of ${driver}`, () => {
    it("has whole lines once all is written, however they came, and unfinished ones at its end", async () => {
      await withLog(async (open, lines) => {
        const sink = open();
        for (const chunk of ["on", "e\ntwo\nth"]) sink.append("stdout", Buffer.from(chunk));
        sink.append("stderr", Buffer.from("bad\nwor"));
        await sink.whenWritten();
        expectLines(lines(), [line("one\n"), line("two\n"), line("bad\n", "stderr")]);
        await sink.end();
        expectLines(lines()?.slice(3), [line("th"), line("wor", "stderr")]);
      });
    });

    it("leaves the caller its buffer", async () => {
      await withLog(async (open, lines) => {
        const sink = open();
        const buffer = Buffer.from("first\nun");
        sink.append("stdout", buffer);
        buffer.fill("x");
        sink.append("stdout", Buffer.from("done\n"));
        await sink.end();
        expectLines(lines(), [line("first\n"), line("undone\n")]);
      });
    });

    it("goes on after what an earlier sink has written", async () => {
      await withLog(async (open, lines) => {
        for (const text of ["before\n", "after\n"]) {
          const sink = open();
          sink.append("stdout", Buffer.from(text));
          await sink.end();
        }
        expectLines(lines(), [line("before\n"), line("after\n")]);
      });
    });

    it("asks for a pause in a flood, if it gathers anything, and has all of it in the end", async () => {
      await withLog(async (open, lines) => {
        const sink = open();
        const piece = Buffer.from(`${"y".repeat(63)}\n`.repeat(256));
        let pauses = 0;
        for (let sent = 0; sent < floodBytes; sent += piece.length)
          if (!sink.append("stdout", piece)) {
            pauses++;
            await sink.whenWritten();
          }
        await sink.end();
        const found = lines();
        if (!found) return assert.equal(pauses, 0);
        assert.ok(pauses > 0);
        assert.equal(found.length, floodBytes / 64);
      });
    });

    it("holds up nobody when there is nothing to write, and ends", async () => {
      await withLog(async (open, lines) => {
        const sink = open();
        await sink.whenWritten();
        await sink.end();
        expectLines(lines(), []);
      });
    });
  });
}

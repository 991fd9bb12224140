import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { decodeLogEntry } from "../../src/formats/log-entry.ts";
import { createLogSink, logDrivers } from "../../src/supervisor/log-sink.ts";
import type { LogOptions } from "../../src/supervisor-protocol/protocol.ts";
import { type Line, type SinkCase, testSink } from "./sink-contract.ts";

function readJsonFile(path: string): Line[] {
  const lines = readFileSync(path, "utf8").split("\n").filter(Boolean);
  return lines.map((text) => {
    const entry = decodeLogEntry(text);
    assert.ok(entry, text);
    return { stream: entry.stream, log: entry.log };
  });
}

/** A new driver is not in its place before it is here. */
const cases: Record<LogOptions["driver"], SinkCase> = {
  "json-file": {
    options: (folder) => ({
      ...{ driver: "json-file", path: join(folder, "log"), maxSizeBytes: 1e9, maxFiles: 1 },
    }),
    read: (options) => readJsonFile("path" in options ? options.path : ""),
  },
  none: { options: () => ({ driver: "none" }), read: () => undefined },
};

for (const driver of logDrivers) testSink(driver, cases[driver]);

it("is made from what daemons say that name no driver: json-file's options, or nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-sink-"));
  const path = join(folder, "log");
  const sink = createLogSink({ path, maxSizeBytes: 1e9, maxFiles: 1 });
  sink.append("stdout", Buffer.from("kept\n"));
  await sink.end();
  assert.deepEqual(readJsonFile(path), [{ stream: "stdout", log: "kept\n" }]);
  assert.equal(createLogSink(undefined).append("stdout", Buffer.from("lost\n")), true);
  rmSync(folder, { recursive: true });
});

it("is refused for a driver that is not known, before anything runs", () => {
  assert.throws(() => createLogSink({ driver: "toString" } as unknown as LogOptions), {
    message: "unknown log driver toString",
  });
});

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex, PassThrough } from "node:stream";
import { after, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { attach } from "../../src/api/attach.ts";
import type { ApiRequest } from "../../src/api/request.ts";
import { logPathOf } from "../../src/containers/logs/drivers.ts";
import { eventually } from "../engine.ts";

const root = mkdtempSync(join(tmpdir(), "bt-attach-"));
after(() => rmSync(root, { recursive: true }));

const record = {
  ...{ id: "c", name: "c", config: {}, state: { Running: true, Paused: false } },
  hostConfig: { LogConfig: { Type: "json-file", Config: {} } },
};

/** A request for the whole log, and for what comes, by a client that reads nothing. */
function arrange() {
  const container = { record, can: () => true };
  const connection = new PassThrough();
  const containers = {
    settings: { root },
    byId: new Map([["c", container]]),
    byName: new Map(),
    events: { publish() {} },
    supervisor: { attach: async () => connection, call: async () => {} },
  };
  const client = new Duplex({ read() {}, write() {} });
  const gone = new AbortController();
  const request = {
    engine: { containers },
    version: 51,
    signal: gone.signal,
    param: () => "c",
    text: () => "",
    flag: (name: string) => name !== "stdin",
    hijack: () => client,
  } as unknown as ApiRequest;
  return { request, client, connection, gone };
}

it("sends a log no faster than its client reads, and ends with it", async () => {
  const folder = join(root, "containers", "c");
  mkdirSync(folder, { recursive: true });
  const entry = { log: `${"x".repeat(1000)}\n`, stream: "stdout", time: "2026-01-01T00:00:00.000000000Z" };
  writeFileSync(logPathOf(folder, record as never), `${JSON.stringify(entry)}\n`.repeat(5000));
  const { request, client, connection, gone } = arrange();
  const attached = attach(request);
  await eventually(
    () => client.writableLength,
    (bytes) => bytes > 0,
  );
  // Whatever it would send beyond that it has sent by then.
  await setTimeout(200);
  assert.ok(client.writableLength > 0 && client.writableLength < 200_000, `${client.writableLength} bytes`);
  gone.abort();
  await attached;
  assert.ok(connection.destroyed);
});

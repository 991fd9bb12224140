import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { startShipper } from "../../src/containers/shipping/shipper.ts";
import type { Logger } from "../../src/logger.ts";

it("leaves a server that drops its connections alone, ever longer", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-shipper-"));
  const path = join(folder, "log");
  const entry = { log: "x\n", stream: "stdout", time: "2026-01-01T00:00:00.000000000Z" };
  writeFileSync(path, `${JSON.stringify(entry)}\n`);
  let connections = 0;
  const { close } = startShipper(
    {
      path,
      placePath: join(folder, "place"),
      isAtRest: () => false,
      logger: { warn() {}, error() {} } as unknown as Logger,
      async connect() {
        connections++;
        return {
          send: async () => {},
          onLost: (listener) => listener(new Error("closed")),
          end: async () => {},
          close() {},
        };
      },
    },
    () => {},
  );
  await setTimeout(1200);
  close();
  assert.ok(connections >= 2 && connections <= 5, `${connections} connections`);
  rmSync(folder, { recursive: true });
});

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ClientSession, OutgoingEntry } from "../../src/build/client-session.ts";
import { exportDirectories, type PlacedFolder } from "../../src/build/export/files.ts";
import { writeFiles } from "./context-folder.ts";

/** The paths that a client gets of a folder with these files. */
async function send(files: string[], statement?: PlacedFolder["statement"]): Promise<string[]> {
  const path = mkdtempSync(join(tmpdir(), "berth-export-"));
  try {
    writeFiles(path, Object.fromEntries(files.map((name) => [name, name])));
    const paths: string[] = [];
    const sendFiles = async (_: number, entries: AsyncIterable<OutgoingEntry>) => {
      for await (const { entry } of entries) paths.push(entry.path);
    };
    const folder = { path, release() {} };
    const placed = { folder, platform: "linux/amd64", below: "", ...(statement && { statement }) };
    const session = { sendFiles } as unknown as ClientSession;
    await exportDirectories([placed], { session, exporter: 0, report: () => {} });
    return paths;
  } finally {
    rmSync(path, { recursive: true });
  }
}

test("all that is made goes to the client's directory, whatever it is called", async () => {
  assert.deepEqual(await send(["null/a", "other", "undefined/file"]), [
    ...["null", "null/a", "other", "undefined", "undefined/file"],
  ]);
});

test("a statement takes the place of what has its name, with all below it, and of nothing else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-statement-"));
  try {
    const path = join(writeFiles(folder, { statement: "{}" }), "statement");
    const sent = await send(["said/below", "said-too", "other"], { name: "said", path });
    assert.deepEqual(sent.sort(), ["other", "said", "said-too"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

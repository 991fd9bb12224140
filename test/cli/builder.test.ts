import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { json, serve } from "../client/server.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

function berth(host: string, args: string[], input = ""): Promise<{ code: number | null; text: string }> {
  const env = { PATH: process.env.PATH ?? "", HOME: "/nowhere", BERTH_HOST: host };
  const child = spawn(process.execPath, ["--", main, ...args], { env, stdio: "pipe" });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      text += chunk;
    });
  child.stdin.end(input);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, text })));
}

const record = {
  Type: "regular",
  Description: "",
  UsageCount: 1,
  CreatedAt: "2026-01-01T00:00:00Z",
  LastUsedAt: null,
};

test("du shows each record of the cache, and what they come to", async (t) => {
  const cache = [
    { ...record, ID: "abc", InUse: true, Shared: true, Size: 1000 },
    { ...record, ID: "def", InUse: false, Shared: false, Size: 2500 },
  ];
  const server = await serve((_request, response) =>
    json(response, 200, { LayersSize: 0, BuildCache: cache }),
  );
  t.after(() => server.close());
  const { code, text } = await berth(server.host, ["builder", "du"]);
  assert.equal(code, 0);
  assert.match(text, /^ID +RECLAIMABLE +SIZE +LAST ACCESSED\nabc +false +1kB\* *\ndef +true +2\.5kB *\n/);
  assert.match(text, /\nShared: +1kB\nPrivate: +2\.5kB\nReclaimable: +2\.5kB\nTotal: +3\.5kB\n$/);
  assert.equal((await berth(server.host, ["builder", "du", "--format", "{{.ID}}"])).text, "abc\ndef\n");
  assert.match(server.requests.at(-1)?.url ?? "", /\/system\/df\?type=build-cache$/);
});

test("prune asks first, and passes on what is to go and what is to stay", async (t) => {
  const server = await serve((_request, response) =>
    json(response, 200, { CachesDeleted: ["abc", "def"], SpaceReclaimed: 3500 }),
  );
  t.after(() => server.close());
  const refused = await berth(server.host, ["builder", "prune"], "n\n");
  assert.match(refused.text, /^WARNING! This will remove all dangling build cache\.\nAre you sure/);
  assert.equal(server.requests.length, 0);
  const words = ["builder", "prune", "-a", "-f", "--keep-storage", "1kB", "--filter", "until=24h"];
  const { code, text } = await berth(server.host, words);
  assert.equal(code, 0);
  assert.equal(text, "Deleted build cache objects:\nabc\ndef\n\nTotal reclaimed space: 3.5kB\n");
  const asked = new URL(server.requests.at(-1)?.url ?? "", "http://x");
  assert.match(asked.pathname, /\/build\/prune$/);
  assert.deepEqual(Object.fromEntries(asked.searchParams), {
    all: "1",
    "keep-storage": "1024",
    filters: '{"until":["24h"]}',
  });
  assert.equal((await berth("unix:///nowhere", ["builder", "prune", "--keep-storage", "x"])).code, 125);
});

import assert from "node:assert/strict";
import { it, mock } from "node:test";
import { installWebSockets, loadPage } from "./web-sockets.ts";

const stored = new Map<string, string>();
Object.assign(globalThis, {
  localStorage: {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
  },
});
stored.set("berth.key", "old");
installWebSockets();
const { get } = await loadPage("api/call.ts");

it("a tab whose login another one has ended goes on with that one's, however many requests are refused by then", async () => {
  const refusals: (() => void)[] = [];
  const keys: string[] = [];
  mock.method(globalThis, "fetch", (_: string, { headers }: { headers: Record<string, string> }) => {
    keys.push(headers["X-Berth-Key"] ?? "");
    const refused = new Response("", { status: 401, headers: { "WWW-Authenticate": "Berth" } });
    return new Promise((resolve) => refusals.push(() => resolve(refused)));
  });
  const asked = [get("/volumes"), get("/system/df")];
  stored.set("berth.key", "new");
  for (const refuse of refusals.splice(0)) refuse();
  for (const one of asked) await assert.rejects(one);
  assert.equal(stored.get("berth.key"), "new");
  const last = get("/info");
  assert.deepEqual(keys, ["old", "old", "new"]);
  refusals[0]?.();
  await assert.rejects(last);
  assert.equal(stored.get("berth.key"), "", "the one that counts is refused, and there is no other");
});

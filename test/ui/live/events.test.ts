import assert from "node:assert/strict";
import { it, mock } from "node:test";
import { installWebSockets, loadPage, socketsOf } from "../web-sockets.ts";

installWebSockets();
const { followEvents } = await loadPage("live/events.ts");
const { sessionKey } = await loadPage("session.ts");

it("a page whose session is over learns it, and asks no more for events; a lost connection is tried again", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let status = 200;
  const asked: string[] = [];
  const answered = mock.method(globalThis, "fetch", async (target: string) => {
    asked.push(target);
    return new Response("{}", { status, headers: { "WWW-Authenticate": "Berth" } });
  });
  sessionKey.set("key");
  const leave = followEvents();
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const lose = async () => {
    socketsOf("/events").at(-1)?.onclose({ code: 1006 });
    mock.timers.tick(60_000);
    await Promise.all(answered.mock.calls.map(({ result }) => result));
    await turn();
  };
  await lose();
  assert.deepEqual([asked.length, socketsOf("/events").length, sessionKey.get()], [1, 2, "key"]);
  status = 401;
  await lose();
  assert.deepEqual([asked.at(-1), socketsOf("/events").length, sessionKey.get()], ["/ui/session", 2, ""]);
  leave();
  mock.timers.reset();
});

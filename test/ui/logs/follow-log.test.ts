import assert from "node:assert/strict";
import { it } from "node:test";
import { createLineStore } from "../../../ui/logs/line-store.ts";
import { installWebSockets, loadPage, socketsOf } from "../web-sockets.ts";

installWebSockets();
const { followEvents } = await loadPage("live/events.ts");
const { followLog } = await loadPage("logs/follow-log.ts");

it("a start that comes before the end of the old log has the new one read", () => {
  const leave = followEvents();
  const ends: (string | undefined)[] = [];
  const store = createLineStore();
  const stop = followLog(
    "c1",
    0,
    1,
    store,
    () => {},
    (reason: string | undefined) => ends.push(reason),
  );
  const [events] = socketsOf("/events");
  events?.begin("application/json");
  const logs = () => socketsOf("/containers/c1/logs");
  assert.equal(logs().length, 1);
  events?.say(`${JSON.stringify({ Action: "start", Actor: { ID: "c1" } })}\n`);
  assert.equal(logs().length, 1);
  logs()[0]?.onclose({ code: 1000 });
  assert.equal(logs().length, 2);
  assert.equal(ends.at(-1), undefined);
  logs()[1]?.onclose({ code: 1000 });
  assert.equal(logs().length, 2);
  assert.equal(ends.at(-1), "");
  stop();
  leave();
});

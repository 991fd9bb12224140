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
  assert.doesNotMatch(logs()[0]?.url ?? "", /since/);
  logs()[0]?.begin("application/vnd.docker.raw-stream");
  logs()[0]?.say("2026-01-02T03:04:05.123456789Z one\n");
  events?.say(`${JSON.stringify({ Action: "start", Actor: { ID: "c1" } })}\n`);
  assert.equal(logs().length, 1);
  logs()[0]?.onclose({ code: 1000 });
  assert.equal(logs().length, 2);
  assert.match(logs()[1]?.url ?? "", /[?&]since=1767323045\.123456789(?:&|$)/);
  logs()[1]?.begin("application/vnd.docker.raw-stream");
  logs()[1]?.say("2026-01-02T03:04:05.123456789Z one\n2026-01-02T03:04:06Z two\n");
  assert.deepEqual(
    store.lines.map(({ text }) => text),
    ["one", "two"],
  );
  assert.equal(ends.at(-1), undefined);
  logs()[1]?.onclose({ code: 1000 });
  assert.equal(logs().length, 2);
  assert.equal(ends.at(-1), "");
  stop();
  leave();
});

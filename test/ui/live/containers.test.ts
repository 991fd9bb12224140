import assert from "node:assert/strict";
import { it, mock } from "node:test";
import { installWebSockets, loadPage, socketsOf } from "../web-sockets.ts";

installWebSockets();
const { followEvents } = await loadPage("live/events.ts");
const { containers, followContainers } = await loadPage("live/containers.ts");

it("the list is asked for again after a failure, and one answer waits for the other", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const asked: { url: string; answer(response: Response | Error): void }[] = [];
  mock.method(
    globalThis,
    "fetch",
    (url: string) =>
      new Promise((resolve, reject) => {
        const answer = (given: Response | Error) => (given instanceof Error ? reject(given) : resolve(given));
        asked.push({ url: decodeURIComponent(url), answer });
      }),
  );
  /** Time enough for all that waits, however many turns its promises take. */
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) {
      mock.timers.tick(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const list = (...states: string[]) =>
    new Response(JSON.stringify(states.map((State, index) => ({ Id: `c${index}`, Created: -index, State }))));
  const states = () => containers.get()?.map(({ State }: { State: string }) => State);
  const leaveEvents = followEvents();
  const leave = followContainers();
  const events = socketsOf("/events").at(-1);
  const tell = (id: string) =>
    events?.say(
      `${JSON.stringify({ Type: "container", Action: "start", Actor: { ID: id, Attributes: {} } })}\n`,
    );

  events?.begin("application/json");
  await settle();
  assert.equal(asked.length, 1);
  asked[0]?.answer(new TypeError("fetch failed"));
  await settle();
  assert.equal(asked.length, 2, "nothing has happened since, and it is asked again");
  asked[1]?.answer(list("created", "created"));
  await settle();
  assert.deepEqual(states(), ["created", "created"]);

  tell("c0");
  await settle();
  tell("c0");
  tell("c1");
  await settle();
  assert.equal(asked.length, 3, "one at a time");
  asked[2]?.answer(list("running"));
  await settle();
  assert.deepEqual(states(), ["running", "created"]);
  assert.match(asked[3]?.url ?? "", /"c0","c1"/);
  asked[3]?.answer(list("exited", "running"));
  await settle();
  assert.deepEqual(states(), ["exited", "running"]);

  tell("c0");
  await settle();
  events?.begin("application/json");
  await settle();
  assert.equal(asked.length, 6, "what a lost connection owes is not waited for");
  asked[4]?.answer(list("running"));
  await settle();
  assert.deepEqual(states(), ["exited", "running"]);
  asked[5]?.answer(list("paused", "running"));
  await settle();
  assert.deepEqual(states(), ["paused", "running"]);

  tell("c0");
  await settle();
  leave();
  asked[6]?.answer(list("running"));
  await settle();
  assert.equal(containers.get(), undefined, "what was left knows nothing more");
  assert.equal(asked.length, 7);
  leaveEvents();
  mock.timers.reset();
});

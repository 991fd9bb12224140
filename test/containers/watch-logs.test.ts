import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Container, type ContainerRecord, initialState } from "../../src/containers/container.ts";
import { type Containers, folderOf } from "../../src/containers/containers.ts";
import type { Change } from "../../src/containers/lifecycle/phase.ts";
import { watchLogs } from "../../src/containers/shipping/watch-logs.ts";
import { createEvents } from "../../src/events/events.ts";
import { receiveDatagrams } from "../path-datagrams.ts";

it("a log is no longer watched once its container is to stay down, whatever has made it so", async () => {
  const root = mkdtempSync(join(tmpdir(), "bt-watch-logs-"));
  const path = join(root, "log.sock");
  const receiver = receiveDatagrams(path);
  const byId = new Map<string, Container>();
  const containers = {
    ...{ byId, settings: { root }, unsent: new Map(), events: createEvents() },
    logger: { warn() {}, error: (value: object) => assert.fail(JSON.stringify(value)) },
  } as unknown as Containers;
  const add = (id: string, Status: "running" | "restarting") => {
    const Config = { "syslog-address": `unixgram://${path}` };
    const container = new Container({
      ...{ id, name: id, args: [], config: { Image: "i" }, links: [] },
      hostConfig: { LogConfig: { Type: "syslog", Config } },
      state: { ...initialState, Status, Running: true },
    } as unknown as ContainerRecord);
    byId.set(id, container);
    mkdirSync(folderOf(containers, id), { recursive: true });
    return container;
  };
  const ways: [Container, Change][] = [
    [add("a", "running"), "ended"],
    [add("b", "restarting"), "restartCancelled"],
    [add("c", "restarting"), "startFailed"],
  ];
  const close = watchLogs(containers);
  const ends = [...containers.unsent.values()];
  assert.equal(ends.length, ways.length);
  // Each has looked, and waits for more.
  for (let turn = 0; turn < 1000; turn++) await nextTurn();
  for (const [container, change] of ways) container.enter(change);
  await Promise.all(ends);
  assert.equal(containers.unsent.size, 0);
  close();
  receiver.close();
  rmSync(root, { recursive: true });
});

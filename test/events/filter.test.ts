import assert from "node:assert/strict";
import { test } from "node:test";
import { createEvents, type EngineEvent } from "../../src/events/events.ts";
import { compileEventFilter } from "../../src/events/filter.ts";

const digest = `sha256:${"4".repeat(64)}`;
const events = createEvents();
events.publish("volume", "create", "alphavol", { driver: "local" });
events.publish("network", "create", "a4bab3b3e24e", { name: "alphanet" });
events.publish("image", "tag", digest, { name: "localhost:5000/app:1" });
events.publish("image", "tag", digest, { name: "alpha:2" });
events.publish("container", "create", "9642e89a7bfe", { name: "alphacon", image: "localhost:5000/app:1" });
events.publish("container", "create", "77d2e89a7bfe", { name: "other", image: `app@${digest}` });
events.publish("container", "exec_create: sh", "77d2e89a7bfe", { name: "other", image: `app@${digest}` });

const nameOf = ({ Actor }: EngineEvent) => Actor.Attributes.name ?? Actor.ID;

/** As a dockerd answers, 28.5.2. */
const cases: [Record<string, string[]>, string[]][] = [
  [{ container: ["al"] }, ["alphavol", "alphanet", "alpha:2", "alphacon"]],
  [{ container: ["alphav"] }, ["alphavol"]],
  [{ volume: ["alphac"] }, ["alphacon"]],
  [{ network: ["a4"] }, ["alphanet"]],
  [{ plugin: ["alphan"] }, ["alphanet"]],
  [{ container: ["alpha"], type: ["container"] }, ["alphacon"]],
  [{ image: ["localhost:5000/app"] }, ["localhost:5000/app:1", "alphacon"]],
  [{ image: ["localhost:5000/app:1"] }, ["localhost:5000/app:1", "alphacon"]],
  [{ image: ["localhost"] }, []],
  [{ image: ["app"] }, ["other", "other"]],
  [{ image: [`app@${digest}`] }, ["other", "other"]],
  [{ image: ["alpha"] }, ["alpha:2"]],
  [{ image: ["alph"] }, []],
  [{ image: ["docker.io/library/alpha"] }, []],
  [{ image: ["sha256"] }, ["localhost:5000/app:1", "alpha:2"]],
  [{ event: ["cre"] }, []],
  [{ event: ["create"] }, ["alphavol", "alphanet", "alphacon", "other"]],
  [{ event: ["exec_create"] }, ["other"]],
  [{ event: ["exec_create", "cre"] }, ["alphavol", "alphanet", "alphacon", "other", "other"]],
  [{ unknown: ["alpha"] }, events.recent().map(nameOf)],
];

for (const [filters, expected] of cases)
  test(`the events of ${JSON.stringify(filters)}`, () => {
    const isWanted = compileEventFilter(new Map(Object.entries(filters)));
    assert.deepEqual(events.recent().filter(isWanted).map(nameOf), expected);
  });

import assert from "node:assert/strict";
import { test } from "node:test";
import { RegistryError } from "../../src/registry/errors.ts";
import { createLoginQueue } from "../../src/registry/login-queue.ts";

/** A queue whose checks end when they are told to; `begun` names them in their order. */
function start() {
  const queue = createLoginQueue(1);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const outcomes = new Map<string, string>();
  function apply(address: string, user: string, signal?: AbortSignal): Promise<void> {
    const name = `${address} ${user}`;
    const check = () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    };
    return queue.run({ address, user, signal }, check).then(
      () => void outcomes.set(name, "checked"),
      (error: Error) => void outcomes.set(name, error instanceof RegistryError ? error.code : error.name),
    );
  }
  async function endOne(): Promise<void> {
    ends.shift()?.();
    for (let turns = 0; turns < 10; turns++) await Promise.resolve();
  }
  return { apply, endOne, begun, outcomes };
}

test("addresses take turns, and the users of one address do", async () => {
  const { apply, endOne, begun } = start();
  for (let number = 0; number < 4; number++) void apply("10.0.0.1", "flood");
  for (let number = 0; number < 3; number++) void apply("10.0.0.1", `name${number}`);
  void apply("10.0.0.2", "anna");
  void apply("10.0.0.1", "bert");
  for (let number = 0; number < 9; number++) await endOne();
  assert.deepEqual(begun, [
    "10.0.0.1 flood",
    "10.0.0.1 flood",
    "10.0.0.2 anna",
    "10.0.0.1 name0",
    "10.0.0.1 name1",
    "10.0.0.1 name2",
    "10.0.0.1 bert",
    "10.0.0.1 flood",
    "10.0.0.1 flood",
  ]);
});

test("who sends too many is refused alone, and one network of IPv6 counts as one", async () => {
  const { apply, endOne, begun, outcomes } = start();
  for (let number = 0; number < 300; number++)
    void apply(`2001:db8:0:1::${number.toString(16)}`, `u${number}`);
  await endOne();
  assert.equal([...outcomes.values()].filter((outcome) => outcome === "TOOMANYREQUESTS").length, 43);
  void apply("2001:db8:0:2::1", "anna");
  void apply("::ffff:10.0.0.9", "bert");
  await endOne();
  await endOne();
  await endOne();
  assert.ok(begun.includes("2001:db8:0:2::1 anna"), begun.join());
  assert.ok(begun.includes("::ffff:10.0.0.9 bert"), begun.join());
});

test("when all is full, whoever has most waiting makes room", async () => {
  const { apply, endOne, begun, outcomes } = start();
  for (let place = 0; place < 20; place++) {
    for (let number = 0; number < 250; number++) void apply(`10.0.0.${place}`, `u${number}`);
  }
  await endOne();
  assert.equal([...outcomes.values()].filter((outcome) => outcome === "TOOMANYREQUESTS").length, 5000 - 4097);
  void apply("10.9.9.9", "anna");
  for (let number = 0; number < 25; number++) await endOne();
  assert.ok(begun.includes("10.9.9.9 anna"));
});

test("nobody is checked whose client has gone", async () => {
  const { apply, endOne, begun, outcomes } = start();
  void apply("10.0.0.1", "first");
  const gone = new AbortController();
  void apply("10.0.0.1", "second", gone.signal);
  void apply("10.0.0.1", "third");
  gone.abort();
  await endOne();
  await endOne();
  assert.deepEqual(begun, ["10.0.0.1 first", "10.0.0.1 third"]);
  assert.equal(outcomes.get("10.0.0.1 second"), "AbortError");
});

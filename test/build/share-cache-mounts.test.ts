import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type CacheMounts, openCacheMounts } from "../../src/build/cache/cache-mounts.ts";
import { createLogger } from "../../src/logger.ts";
import { openState, type State } from "../../src/state/state.ts";

type Sharing = "shared" | "private" | "locked";

describe("a cache mount", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-share-"));
  let state: State;
  let mounts: CacheMounts;
  /** How a new one gets what is in it at first. */
  const fills = { run: async (_source: string, _signal: AbortSignal) => {} };
  before(() => {
    state = openState(join(folder, "state.db"), createLogger("silent"));
    const fill = (_layers: string[], source: string, _target: string, signal: AbortSignal) =>
      fills.run(source, signal);
    mounts = openCacheMounts(join(folder, "mounts"), state, fill);
  });
  after(() => {
    state.close();
    rmSync(folder, { recursive: true });
  });

  function open(
    id: string,
    sharing: Sharing,
    signal = new AbortController().signal,
    { layers = [] as string[], ...given }: { layers?: string[]; uid?: number; mode?: number } = {},
  ) {
    const from = layers.length > 0 ? ({ kind: "scratch", name: "" } as const) : undefined;
    const mount = { type: "cache", target: "/c", id, sharing, from, source: "" } as const;
    const rest = { mode: 0o755, uid: 0, gid: 0, isReadOnly: false, ...given };
    const layersOf = async () => layers;
    return mounts.open({ ...mount, ...rest }, { description: "a test", signal, layersOf });
  }
  /** @returns whether it has come to something, when all that can has */
  async function isSettled(promise: Promise<unknown>): Promise<boolean> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    promise.then(settle, settle);
    for (let turns = 0; turns < 20; turns++) await turn();
    return settled;
  }
  async function make(id: string): Promise<string> {
    (await open(id, "shared")).close();
    const found = mounts.list().find(({ name }) => name === id);
    assert.ok(found);
    return found.id;
  }

  it("that is lent is no step's until it is given back, however it is shared", async () => {
    for (const sharing of ["shared", "locked"] as const) {
      const lent = mounts.borrow(await make(sharing));
      const opening = open(sharing, sharing);
      assert.equal(await isSettled(opening), false);
      lent.close();
      const opened = await opening;
      assert.equal(opened.path, lent.path);
      opened.close();
    }
    const lent = mounts.borrow(await make("private"));
    const own = await open("private", "private");
    assert.notEqual(own.path, lent.path);
    for (const one of [own, lent]) one.close();
    assert.deepEqual(
      mounts.list().filter(({ inUse }) => inUse),
      [],
    );
  });

  it("that is private is one step's alone, also of those that begin together, and there again for the next", async () => {
    const together = await Promise.all([open("alone", "private"), open("alone", "private")]);
    const shared = await open("alone", "shared");
    const paths = [...together, shared].map(({ path }) => path);
    assert.equal(new Set(paths).size, 3);
    for (const one of [...together, shared]) one.close();
    const again = await open("alone", "private");
    assert.ok(paths.includes(again.path));
    again.close();
  });

  it("that is made for one step is not private to another", async () => {
    const [shared, own] = await Promise.all([open("made", "shared"), open("made", "private")]);
    assert.notEqual(shared.path, own.path);
    for (const one of [shared, own]) one.close();
  });

  it("is not lent while a step has it or waits for it", async () => {
    const id = await make("used");
    const lent = mounts.borrow(id);
    assert.throws(() => mounts.borrow(id), /cache mount used is in use by a build/);
    const opening = open("used", "shared");
    await isSettled(opening);
    assert.equal(await mounts.remove(id), false);
    lent.close();
    assert.throws(() => mounts.borrow(id), /cache mount used is in use by a build/);
    (await opening).close();
    mounts.borrow(id).close();
  });

  it("is waited for until the build is given up", async () => {
    const id = await make("given-up");
    const lent = mounts.borrow(id);
    for (const sharing of ["shared", "locked"] as const) {
      const build = new AbortController();
      const opening = open("given-up", sharing, build.signal);
      assert.equal(await isSettled(opening), false);
      build.abort(new Error("context canceled"));
      await assert.rejects(opening, /context canceled/);
    }
    lent.close();
    assert.equal(await mounts.remove(id), true);
  });

  it("that is to be locked waits for those that share it, and goes to one at a time", async () => {
    const sharers = [await open("locked", "shared"), await open("locked", "shared")];
    const waiting = [open("locked", "locked"), open("locked", "locked")];
    for (const sharer of sharers) {
      assert.equal(await isSettled(Promise.race(waiting)), false);
      sharer.close();
    }
    const first = await Promise.race(waiting);
    assert.equal(await isSettled(Promise.all(waiting)), false);
    first.close();
    for (const one of await Promise.all(waiting)) one.close();
  });

  it("that one build fills and another waits for is filled on when the first is given up", async () => {
    const signals: AbortSignal[] = [];
    const { promise: isFilled, resolve: finish } = Promise.withResolvers<void>();
    fills.run = async (_, signal) => {
      signals.push(signal);
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason)),
      );
      await Promise.race([isFilled, aborted]);
    };
    const builds = [new AbortController(), new AbortController(), new AbortController()];
    const openings = builds.map(({ signal }) => open("filled", "shared", signal, { layers: ["/a"] }));
    for (const opening of openings) assert.equal(await isSettled(opening), false);
    builds[0]?.abort(new Error("context canceled"));
    await assert.rejects(openings[0] as Promise<unknown>, /context canceled/);
    for (const opening of openings.slice(1)) assert.equal(await isSettled(opening), false);
    finish();
    const [second, third] = await Promise.all(openings.slice(1));
    assert.equal(second?.path, third?.path);
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [false],
    );
    for (const one of [second, third]) one?.close();
  });

  it("that all have given up is filled no further, and made by the next", async () => {
    let begun = 0;
    fills.run = async (_, signal) => {
      if (begun++ > 0) return;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const build = new AbortController();
    const opening = open("left", "shared", build.signal, { layers: ["/a"] });
    await isSettled(opening);
    build.abort(new Error("context canceled"));
    await assert.rejects(opening, /context canceled/);
    (await open("left", "shared", undefined, { layers: ["/a"] })).close();
    assert.equal(mounts.list().filter(({ name }) => name === "left").length, 1);
  });

  it("is another one with another owner, mode or content at first, and one of an archive serves them all", async () => {
    const variants = [{}, { uid: process.getuid?.() === 0 ? 1000 : 0, mode: 0o750 }, { mode: 0o700 }];
    const paths = async (id: string) => {
      const opened = await Promise.all(
        [...variants, { layers: ["/a"] }, { layers: ["/b"] }].flatMap((variant) => [
          open(id, "shared", undefined, variant),
          open(id, "shared", undefined, variant),
        ]),
      );
      for (const one of opened) one.close();
      return opened.map(({ path }) => path);
    };
    const first = await paths("variants");
    assert.equal(new Set(first).size, 5);
    for (let index = 0; index < first.length; index += 2) assert.equal(first[index], first[index + 1]);
    assert.deepEqual(await paths("variants"), first, "they are found again");
    await mounts.add("from-archive", false, async () => {});
    assert.equal(new Set(await paths("from-archive")).size, 1);
  });
});

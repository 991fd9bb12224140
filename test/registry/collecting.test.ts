import assert from "node:assert/strict";
import { afterEach, beforeEach, it } from "node:test";
import { collectRegistryGarbage } from "../../src/registry/collect.ts";
import { blobsFolder, collectingFolder, collectingKey } from "../../src/registry/layout.ts";
import type { Storage } from "../../src/registry/storage.ts";
import { describeStorages, type TestStorage } from "./storages.ts";

const hour = 3600_000;
const collect = (storage: Storage) =>
  collectRegistryGarbage(storage, {
    isDryRun: false,
    withUntagged: false,
    graceMilliseconds: hour,
    uploadMilliseconds: hour,
    report() {},
  });
const isTurn = (key: string) => key.includes("/collecting");

describeStorages((make) => {
  let kept: TestStorage;
  let storage: Storage;
  beforeEach(async () => {
    kept = await make();
    storage = kept.storage;
  });
  afterEach(() => kept.close());
  const listTurns = async () => (await storage.list(collectingFolder)).filter((name) => isTurn(`/${name}`));

  it("of two collections that begin in the same moment one runs, and keeps a third out until it is over", async () => {
    const [both, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let begun = 0;
    const hooked: Storage = {
      ...storage,
      async write(key, content, isMark) {
        if (isTurn(key) && ++begun === 2) both.resolve();
        if (isTurn(key)) await both.promise;
        return storage.write(key, content, isMark);
      },
      async list(folder) {
        // It is about to remove blobs.
        if (folder === blobsFolder) await end.promise;
        return storage.list(folder);
      },
    };
    const two = [collect(hooked), collect(hooked)];
    const first = await Promise.race(two.map((one) => one.catch((error: unknown) => error)));
    assert.match(String(first), /another garbage collection/);
    await assert.rejects(collect(storage), /another garbage collection/);
    end.resolve();
    const ends = (await Promise.allSettled(two)).map(({ status }) => status);
    assert.deepEqual(ends.sort(), ["fulfilled", "rejected"]);
    assert.deepEqual(await listTurns(), []);
    await collect(storage);
  });

  // An older version has only one name.
  for (const killed of [collectingKey("killed"), `${collectingFolder}/collecting`]) {
    it(`${killed}, left by one that was killed, holds up the next for five minutes and is forgotten then`, async () => {
      await storage.write(killed, "somebody");
      await assert.rejects(collect(storage), /another garbage collection/);
      const modified = new Date(Date.now() - 6 * 60_000);
      await collect({
        ...storage,
        async find(key) {
          const found = await storage.find(key);
          return found && key === killed ? { ...found, modified } : found;
        },
      });
      assert.deepEqual(await listTurns(), []);
    });
  }

  it("one that was taken for killed while its machine slept removes nothing", async () => {
    const slept: Storage = {
      ...storage,
      async list(folder) {
        // The one that began meanwhile has removed what it found.
        for (const name of await listTurns()) await storage.remove(`${collectingFolder}/${name}`);
        return storage.list(folder);
      },
    };
    await assert.rejects(collect(slept), /another garbage collection/);
  });
});

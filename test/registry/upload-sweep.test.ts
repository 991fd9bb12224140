import assert from "node:assert/strict";
import { it } from "node:test";
import { uploadFolder, uploadsFolder } from "../../src/registry/layout.ts";
import type { Storage } from "../../src/registry/storage.ts";
import { eventually } from "../engine.ts";
import { startRegistry } from "./fixtures.ts";
import { describeStorages, makeFolder } from "./storages.ts";

const day = 24 * 3600_000;

/** The same storage, as if nobody had gone on with these uploads for so long. */
function aged(storage: Storage, ages: ReadonlyMap<string, number>): Storage {
  return {
    ...storage,
    async find(key) {
      const found = await storage.find(key);
      const age = ages.get(key.slice(0, key.lastIndexOf("/"))) ?? 0;
      return found && { ...found, modified: new Date(found.modified.getTime() - age) };
    },
  };
}

/** Begins an upload, as a client does that is cut off then. @returns its folder */
async function begin(url: string, name: string): Promise<string> {
  const answer = await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: "POST" });
  await fetch(url + answer.headers.get("location"), { method: "PATCH", body: "some bytes" });
  return uploadFolder(name, answer.headers.get("docker-upload-uuid") ?? "");
}

describeStorages((make) => {
  it("uploads that nobody went on with in a week are gone when a server starts, and the others are not", async () => {
    const kept = await make();
    try {
      const first = await startRegistry({ storage: kept.storage });
      // In the order in which they are looked at.
      const ages = new Map([
        [await begin(first.url, "a"), 0],
        [await begin(first.url, "b"), 6 * day],
        [await begin(first.url, "c"), 8 * day],
      ]);
      await first.close();
      const second = await startRegistry({ storage: aged(kept.storage, ages) });
      const list = (name: string) => kept.storage.list(uploadsFolder(name));
      await eventually(
        () => list("c"),
        (ids) => ids.length === 0,
      );
      for (const name of ["a", "b"]) assert.equal((await list(name)).length, 1);
      await second.close();
    } finally {
      await kept.close();
    }
  });
});

it("a server that goes on looks again every day", async (test) => {
  test.mock.timers.enable({ apis: ["setInterval"] });
  const kept = await makeFolder();
  try {
    const ages = new Map<string, number>();
    await using registry = await startRegistry({ storage: aged(kept.storage, ages) });
    ages.set(await begin(registry.url, "app"), 8 * day);
    const list = () => kept.storage.list(uploadsFolder("app"));
    assert.equal((await list()).length, 1);
    test.mock.timers.tick(day);
    await eventually(list, (ids) => ids.length === 0);
  } finally {
    await kept.close();
  }
});

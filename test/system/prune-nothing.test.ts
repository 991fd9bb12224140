import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

/** As dockerd answers where there is nothing to remove: a list of volumes, and otherwise none. */
const answers = {
  containers: { ContainersDeleted: null, SpaceReclaimed: 0 },
  images: { ImagesDeleted: null, SpaceReclaimed: 0 },
  volumes: { VolumesDeleted: [], SpaceReclaimed: 0 },
  networks: { NetworksDeleted: null },
  build: { CachesDeleted: null, SpaceReclaimed: 0 },
};

describe("a prune that finds nothing", () => {
  const started = useEngine();

  for (const [noun, answer] of Object.entries(answers)) {
    it(`of ${noun} answers as dockerd does`, async () => {
      const { status, body } = await started.engine.api("POST", `/${noun}/prune`);
      assert.deepEqual({ status, body: JSON.parse(body) }, { status: 200, body: answer });
    });
  }
});

describe("a prune that meets something in use", () => {
  const started = useEngine();

  it("leaves it and removes the others", async () => {
    const { engine } = started;
    for (const name of ["first", "held", "last"]) await engine.api("POST", "/volumes/create", { Name: name });
    const { Mountpoint } = JSON.parse((await engine.api("GET", "/volumes/held")).body);
    writeFileSync(join(Mountpoint, "large"), Buffer.alloc(50_000_000));
    const address = new URL(engine.host);
    const reading = get({ socketPath: address.pathname, path: "/berth/volumes/held/export" });
    reading.on("error", () => {});
    await once(reading, "response");
    const filters = encodeURIComponent(JSON.stringify({ all: ["true"] }));
    const { status, body } = await engine.api("POST", `/volumes/prune?filters=${filters}`);
    reading.destroy();
    assert.deepEqual([status, JSON.parse(body).VolumesDeleted.toSorted()], [200, ["first", "last"]], body);
  });
});

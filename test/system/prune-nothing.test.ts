import assert from "node:assert/strict";
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

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkSizeLimits, quotaFileSystems, withEngineOn } from "../size-limits.ts";

describe("project quotas", () => {
  for (const [type, make] of Object.entries(quotaFileSystems))
    it(`limit what a container writes on ${type}`, async () => {
      assert.ok(await withEngineOn([...make], "prjquota", checkSizeLimits), `no project quotas on ${type}`);
    });
});

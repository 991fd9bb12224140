import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { output } from "../engine.ts";
import { checkSizeLimits, quotaFileSystems, withEngineOn } from "../size-limits.ts";

describe("--storage-opt size", () => {
  for (const [type, make] of Object.entries(quotaFileSystems))
    it(`limits what a container writes on ${type}, where the kernel counts projects`, async (context) => {
      const isMounted = await withEngineOn([...make], "prjquota", checkSizeLimits);
      if (!isMounted) context.diagnostic(`this kernel counts none on ${type}: test/vm has one that does`);
    });

  it("is refused with a reason where the file system cannot, and for what is no size", async () => {
    const isMounted = await withEngineOn(["mkfs.xfs", "-q"], "noquota", async (engine) => {
      for (const [option, words] of [
        [
          "size=10M",
          /--storage-opt size needs project quotas: .*xfs on .* is not mounted with the option prjquota/,
        ],
        ["size=lots", /invalid size: 'lots'|invalid suffix: 'lots'/],
        ["dm.basesize=1G", /Unknown option dm\.basesize/],
      ] as const) {
        const result = await engine.berth(["create", "--storage-opt", option, "busybox"]);
        assert.equal(result.code, 1, result.stdout);
        assert.match(result.stderr, words);
      }
      assert.equal(await output(engine.berth, ["ps", "-aq"]), "");
    });
    assert.ok(isMounted, "this kernel has no XFS");
  });
});

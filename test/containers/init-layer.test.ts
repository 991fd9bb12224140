import assert from "node:assert/strict";
import { lstatSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { initLayerPath, makeUsualInitLayer } from "../../src/containers/create/init-layer.ts";

it("is left as it is below the containers that run, and completed where something is missing", () => {
  const root = mkdtempSync(join(tmpdir(), "bt-init-"));
  const mtab = join(initLayerPath(root, ""), "etc/mtab");
  makeUsualInitLayer(root);
  const { ino, ctimeNs } = lstatSync(mtab, { bigint: true });
  makeUsualInitLayer(root);
  const after = lstatSync(mtab, { bigint: true });
  assert.deepEqual([after.ino, after.ctimeNs], [ino, ctimeNs]);
  rmSync(mtab);
  writeFileSync(mtab, "");
  makeUsualInitLayer(root);
  assert.equal(readlinkSync(mtab), "/proc/mounts");
  rmSync(root, { recursive: true });
});

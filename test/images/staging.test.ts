import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createStaging } from "../../src/images/store/staging.ts";

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "berth-staging-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("what is unpacked at the same time has one folder, and the next gets another", async () => {
  await inFolder(async (folder) => {
    const staging = createStaging(folder);
    const [first, second] = await Promise.all([staging.enter(), staging.enter()]);
    assert.equal(first.path, second.path);
    assert.equal(statSync(first.path).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(folder).map(staging.isInUse), [true]);
    await first.leave();
    const third = await staging.enter();
    assert.equal(third.path, first.path);
    await Promise.all([second.leave(), third.leave()]);
    assert.deepEqual(readdirSync(folder), []);
    const later = await staging.enter();
    assert.notEqual(later.path, first.path);
    await later.leave();
    assert.equal(staging.isInUse("new-0"), false);
  });
});

test("who comes while the last one leaves gets a folder that stays", async () => {
  await inFolder(async (folder) => {
    const staging = createStaging(folder);
    for (let round = 0; round < 200; round++) {
      const before = await staging.enter();
      const [, after] = await Promise.all([before.leave(), staging.enter()]);
      mkdirSync(join(after.path, "1"));
      rmSync(join(after.path, "1"), { recursive: true });
      await after.leave();
    }
    assert.deepEqual(readdirSync(folder), []);
  });
});

test("a folder that something was left in is no longer in use, and the next is not put there", async () => {
  await inFolder(async (folder) => {
    const staging = createStaging(folder);
    const stage = await staging.enter();
    mkdirSync(join(stage.path, "1"));
    await stage.leave();
    const [name = ""] = readdirSync(folder);
    assert.equal(staging.isInUse(name), false);
    const next = await staging.enter();
    assert.notEqual(next.path, stage.path);
    await next.leave();
  });
});

test("a folder that cannot be made fails all who wait for it, and not who comes later", async () => {
  await inFolder(async (folder) => {
    const inner = join(folder, "layers");
    mkdirSync(inner);
    const staging = createStaging(inner);
    rmSync(inner, { recursive: true });
    const outcomes = await Promise.allSettled([staging.enter(), staging.enter()]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code),
      ["ENOENT", "ENOENT"],
    );
    mkdirSync(inner);
    const stage = await staging.enter();
    assert.deepEqual(readdirSync(inner).map(staging.isInUse), [true]);
    await stage.leave();
  });
});

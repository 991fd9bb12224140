import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { useBrowser } from "./browser.ts";

describe("the page of the engine", () => {
  const { engine, berth, visit } = useBrowser(() => [[], ["--read-only"]]);

  it("shows what the engine is, its configuration, and what it has counted, as it goes on", async () => {
    await berth("run", "--rm", "busybox", "true");
    const page = await visit("/engine");
    await page.getByText(engine.root, { exact: true }).first().waitFor();
    const metrics = page.getByRole("table", { name: "Metrics" });
    const starts = metrics.getByRole("row", { name: /containers.* start / });
    await starts.getByText(/^1, [\d.]+ ms on average$/).waitFor();
    await metrics
      .getByRole("row", { name: /memory/ })
      .getByText(/^\d+(\.\d+)? MB$/)
      .waitFor();
    await berth("run", "--rm", "busybox", "true");
    await starts.getByText(/^2, [\d.]+ ms on average$/).waitFor();
    await page.getByText("SecurityOptions").first().waitFor();
    await page.context().close();
  });

  it("checks the engine, and repairs what can be", async () => {
    const stray = join(engine.root, "layers", "4711");
    mkdirSync(stray);
    const page = await visit("/engine");
    await page.getByRole("button", { name: "Check now" }).click();
    const findings = page.getByRole("table", { name: "Check" });
    await findings.getByRole("row", { name: /layer folder 4711.*can be repaired/ }).waitFor();
    const reader = await visit("/engine", {}, 1);
    await reader.getByRole("button", { name: "Check now" }).click();
    await reader.getByRole("row", { name: /layer folder 4711/ }).waitFor();
    assert.equal(await reader.getByRole("button", { name: "Repair" }).count(), 0);
    await reader.context().close();
    await page.getByRole("button", { name: "Repair" }).click();
    await findings.getByRole("row", { name: /layer folder 4711.*(?<!can be )repaired/ }).waitFor();
    assert.ok(!existsSync(stray));
    await page.getByRole("button", { name: "Check now" }).click();
    await page.getByText("Everything is as it should be.").waitFor();
    await page.context().close();
  });
});

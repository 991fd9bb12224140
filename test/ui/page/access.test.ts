import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { useBrowser } from "./browser.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What a reader with a screen reader, or with weak eyes, would stumble over. */
async function findBarriers(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = (await page.evaluate("axe.run(document)")) as AxeResults;
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html }) => `${new URL(page.url()).pathname} ${id}: ${html.slice(0, 200)}`),
    );
}

describe("the page, for everyone", () => {
  const { berth, visit, ui } = useBrowser();
  const views = [
    "/",
    "/images",
    "/networks",
    "/volumes",
    "/engine",
    "/projects",
    "/run",
    "/containers",
    "/containers/seen",
    "/containers/seen/logs",
    "/containers/seen/terminal",
    "/containers/seen/inspect",
  ];

  for (const colorScheme of ["light", "dark"] as const) {
    it(`has nothing serious that keeps a reader out, ${colorScheme}`, async () => {
      if (colorScheme === "light")
        await berth(
          "run",
          "-d",
          "--name",
          "seen",
          "-p",
          "127.0.0.1::80",
          "busybox",
          "sh",
          "-c",
          "echo hello; sleep 1000",
        );
      const page = await visit("/containers", { colorScheme });
      const barriers: string[] = [];
      for (const path of views) {
        await page.goto(`${ui().origin}${path}`);
        await page.getByRole("heading").first().waitFor();
        barriers.push(...(await findBarriers(page)));
      }
      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByLabel("Token").waitFor();
      barriers.push(...(await findBarriers(page)));
      assert.deepEqual(barriers, []);
      await page.context().close();
    });
  }

  it("fits a screen of 360 pixels", async () => {
    const page = await visit("/containers", { viewport: { width: 360, height: 640 } });
    for (const path of views) {
      await page.goto(`${ui().origin}${path}`);
      await page.getByRole("heading").first().waitFor();
      const width = await page.evaluate("document.documentElement.scrollWidth");
      assert.equal(width, 360, path);
    }
    await page.goto(`${ui().origin}/containers`);
    await page.getByRole("button", { name: "Stop seen" }).click();
    await page.locator(".state.exited").waitFor();
    await page.context().close();
  });

  it("speaks Chinese as well", async () => {
    const page = await visit("/containers", { locale: "zh-CN" });
    await page.getByRole("heading", { name: "容器" }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "zh");
    await page.getByLabel("语言").selectOption("en");
    await page.getByRole("heading", { name: "Containers" }).waitFor();
    await page.context().close();
  });
});

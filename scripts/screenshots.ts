import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";

/**
 * The pictures of README, in both themes: `node scripts/screenshots.ts URL SECOND-URL`, each an address with a fresh token as `berth ui`
 * prints it, in front of an engine with something to show.
 */
const [light, dark] = process.argv.slice(2);
if (!light || !dark) throw new Error("usage: screenshots.ts LIGHT-URL DARK-URL");
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const [colorScheme, url] of [
  ["light", light],
  ["dark", dark],
] as const) {
  const context = await browser.newContext({
    viewport: { width: 1100, height: 640 },
    colorScheme,
    locale: "en",
  });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator(".chart canvas").first().waitFor();
  // Some minutes are a better picture than some seconds.
  await page.waitForTimeout(Number(process.env.WAIT_SECONDS ?? 60) * 1000);
  const path = `docs/ui-${colorScheme}.png`;
  await page.screenshot({ path });
  // Smaller, where the tool for it is there.
  try {
    execFileSync("pngquant", ["--force", "--output", path, "64", path]);
  } catch {
    // As it came.
  }
}
await browser.close();

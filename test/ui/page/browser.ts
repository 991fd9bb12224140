import assert from "node:assert/strict";
import { after, before } from "node:test";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import type { TestEngine } from "../../engine.ts";
import { useUi } from "../server.ts";

/**
 * A real browser in front of a page and an engine of their own. What the page says on its console, an error that it does not catch, and
 * what its policy had to stop fail the test.
 */
export function useBrowser(flagSets?: (engine: TestEngine) => string[][], expected?: RegExp) {
  let browser: Browser | undefined;
  after(() => browser?.close());
  const used = useUi(flagSets, expected);
  const complaints: string[] = [];
  before(async () => {
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  });
  after(() => assert.deepEqual(complaints, [], "the page complained"));

  /** A visitor who has just logged in, at this address. */
  async function visit(path = "/", options: BrowserContextOptions = {}, server = 0): Promise<Page> {
    assert.ok(browser);
    const ui = used.ui(server);
    const context = await browser.newContext({
      viewport: { width: 1200, height: 800 },
      locale: "en",
      ...options,
    });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(error.stack ?? error.message));
    page.on("console", (message) => {
      const isRefusal = /Failed to load resource|WebSocket connection/.test(message.text());
      if (message.type() === "error" && !isRefusal) complaints.push(message.text());
    });
    await page.goto(`${ui.origin}${path}#${await ui.freshToken()}`);
    await page.locator(".frame").waitFor();
    return page;
  }
  return { ...used, visit };
}

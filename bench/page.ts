import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { startBerth } from "./berth.ts";
import { callApi } from "./call-api.ts";
import { type BenchEngine, docker } from "./engine.ts";
import type { Archives } from "./images.ts";
import { inParallel, median } from "./measure.ts";
import { processMilliseconds } from "./processes.ts";
import type { Row } from "./results.ts";

const half = 500;
const scrollSeconds = 60;
const firstViews = 20;

/** The web page beside five hundred containers that run and five hundred that have stopped, in a real browser. */
export async function benchPage(folder: string, bundle: string, archives: Archives): Promise<Row[]> {
  const engine = await startBerth(join(folder, "paged"), bundle, { name: "berth-paged" });
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    await docker(engine, ["load", "-q", "-i", archives.busybox]);
    const empty = await withUi(engine, bundle, folder, (ui) => timeFirstViews(browser, ui));
    await fill(engine);
    return await withUi(engine, bundle, folder, async (ui) => [
      row("first view of the page", "ms", empty, firstViews),
      ...(await scroll(browser, ui)),
    ]);
  } finally {
    await browser.close();
    await engine.stop();
  }
}

const row = (name: string, unit: Row["unit"], value: number, samples = 1): Row => ({
  ...{ name, unit, samples },
  values: { berth: value },
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function fill(engine: BenchEngine): Promise<void> {
  await inParallel(2 * half, 4, async (number) => {
    const body = { Image: "busybox", Cmd: ["sleep", "100000"], Labels: { part: String(number % 7) } };
    const { Id } = (await callApi(engine, "POST", "/containers/create", body)) as { Id: string };
    if (number % 2 === 0) await callApi(engine, "POST", `/containers/${Id}/start`);
  });
}

interface Ui {
  process: ChildProcess;
  origin: string;
  token(): string;
}

async function withUi<R>(
  engine: BenchEngine,
  bundle: string,
  folder: string,
  use: (ui: Ui) => Promise<R>,
): Promise<R> {
  const words = ["ui", "--listen", "127.0.0.1:0", "--no-browser", "--state", join(folder, "ui-state")];
  const server = spawn(process.execPath, [join(bundle, "cli/main.js"), "-H", engine.host, ...words]);
  let text = "";
  for (const stream of [server.stdout, server.stderr])
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
  const ended = once(server, "exit");
  try {
    while (!/Open http\S+#\S+/.test(text)) {
      if (server.exitCode !== null || server.signalCode !== null)
        throw new Error(`berth ui has ended: ${text}`);
      await pause(50);
    }
    const [, origin = ""] = /Open (http:\/\/[^/]*)\//.exec(text) ?? [];
    return await use({
      ...{ process: server, origin },
      token: () => [...text.matchAll(/#([\w-]+)/g)].at(-1)?.[1] ?? "",
    });
  } finally {
    server.kill();
    await ended;
  }
}

async function logIn(browser: Browser, { origin, token }: Ui, path: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  const page = await context.newPage();
  await page.addInitScript({ content: watchPage });
  await page.goto(`${origin}${path}#${token()}`);
  await page.locator(".frame").waitFor();
  return page;
}

/** Runs in the page: notes when a view is first drawn, and which tasks are long. */
const watchPage = `
  globalThis.seen = { viewMilliseconds: 0, longTasks: [] };
  new MutationObserver((_, observer) => {
    if (!document.querySelector("main h1")) return;
    seen.viewMilliseconds = performance.now();
    observer.disconnect();
  }).observe(document, { childList: true, subtree: true });
  new PerformanceObserver((list) => {
    seen.longTasks.push(...list.getEntries().map(({ duration }) => duration));
  }).observe({ type: "longtask", buffered: true });
`;

async function timeFirstViews(browser: Browser, ui: Ui): Promise<number> {
  const page = await logIn(browser, ui, "/");
  const times: number[] = [];
  for (let count = 0; count < firstViews; count++) {
    await page.goto(`${ui.origin}/containers`);
    await page.locator("main h1").waitFor();
    times.push(await page.evaluate<number>("seen.viewMilliseconds"));
  }
  await page.context().close();
  return median(times);
}

async function scroll(browser: Browser, ui: Ui): Promise<Row[]> {
  const page = await logIn(browser, ui, "/containers");
  await page.locator(".table-body .row").first().waitFor();
  await page.mouse.move(600, 500);
  await pause(5000);
  await page.evaluate("seen.longTasks.splice(0)");
  const before = processMilliseconds(ui.process.pid ?? 0);
  const until = Date.now() + scrollSeconds * 1000;
  let nodes = 0;
  for (let step = 0; Date.now() < until; step++) {
    await page.mouse.wheel(0, Math.floor(step / 100) % 2 === 0 ? 240 : -240);
    await pause(50);
    if (step % 20 === 0)
      nodes = Math.max(nodes, await page.evaluate<number>("document.querySelectorAll('*').length"));
  }
  const busy = (processMilliseconds(ui.process.pid ?? 0) - before) / scrollSeconds / 10;
  const tasks = await page.evaluate<number[]>("seen.longTasks");
  await page.context().close();
  const what = `${half} running and ${half} stopped containers`;
  return [
    row(`longest task of the page in a minute of scrolling, ${what}`, "ms", Math.max(0, ...tasks)),
    row(`tasks above 50 ms in it, ${what}`, "", tasks.filter((duration) => duration > 50).length),
    row(`nodes in the document, ${what}`, "", nodes),
    row(`processor of the page's server, ${what}`, "%", busy),
  ];
}

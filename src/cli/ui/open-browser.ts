import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Cli } from "../cli.ts";

const longestMilliseconds = 60_000;

/**
 * Where a person sits in front of a desktop. Root has none, and a browser of root's would be a danger.
 * @returns removes what leads the browser to the address, which goes after a minute by itself
 */
export function openBrowser({ stdout, env }: Cli, url: string): () => void {
  const hasDesktop = env.DISPLAY || env.WAYLAND_DISPLAY;
  if (!stdout.isTTY || !hasDesktop || process.getuid?.() === 0) return () => {};
  const way = makeWay(env.HOME || homedir(), url);
  if (!way) return () => {};
  const timer = setTimeout(way.remove, longestMilliseconds).unref();
  const opener = spawn("xdg-open", [way.path], { stdio: "ignore", detached: true, env });
  opener.on("error", () => {});
  opener.unref();
  return () => {
    clearTimeout(timer);
    way.remove();
  };
}

/**
 * A file that leads to the address: all users of a machine can read command lines, and the address has the token. It is in the home
 * folder, under a name without a dot, since that is all that a browser in a sandbox may read.
 * @returns undefined where nothing can be written; the address has been printed
 */
function makeWay(home: string, url: string): { path: string; remove(): void } | undefined {
  try {
    const folder = mkdtempSync(join(home, "berth-ui-"));
    const path = join(folder, "open.html");
    const target = url.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
    const page = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=${target}">\n`;
    writeFileSync(path, page, { mode: 0o600, flag: "wx" });
    return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
  } catch {
    return undefined;
  }
}

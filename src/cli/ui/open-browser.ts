import { spawn } from "node:child_process";
import type { Cli } from "../cli.ts";

/** Where a person sits in front of a desktop. Root has none, and a browser of root's would be a danger. */
export function openBrowser({ stdout, env }: Cli, url: string): void {
  const hasDesktop = env.DISPLAY || env.WAYLAND_DISPLAY;
  if (!stdout.isTTY || !hasDesktop || process.getuid?.() === 0) return;
  const opener = spawn("xdg-open", [url], { stdio: "ignore", detached: true });
  opener.on("error", () => {});
  opener.unref();
}

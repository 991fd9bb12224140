import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** A folder that goes with this process; the home of its clients. */
export const home = mkdtempSync(path.join(os.tmpdir(), "berth-cli-"));
process.on("exit", () => rmSync(home, { recursive: true, force: true }));

/** Starts a command line of ours against a daemon at this address. */
export const startBerth = (host: string, args: readonly string[], env: Record<string, string> = {}) =>
  spawn(process.execPath, ["--", main, ...args], {
    env: { PATH: process.env.PATH ?? "", HOME: home, TZ: "UTC", BERTH_HOST: host, ...env },
    stdio: "pipe",
  });

/** Runs it to its end. */
export async function runBerth(host: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = startBerth(host, args, env);
  child.stdin.end();
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, ...said };
}

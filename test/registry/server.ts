import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface ServerProcess {
  /** "127.0.0.1:40123" */
  host: string;
  pid: number;
  /** What it has said on standard error. */
  log(): string;
  /** Ends it and gives its exit code, if it has one. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** `berth registry serve` as a process of its own, on any port. */
export async function startServer(words: string[], env: Record<string, string> = {}): Promise<ServerProcess> {
  const args = ["--", main, "registry", "serve", "--listen", "127.0.0.1:0", ...words];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let log = "";
  child.stderr.on("data", (chunk) => {
    log += chunk;
  });
  let said = "";
  for await (const chunk of child.stdout) {
    said += chunk;
    const [, host] = /listening on https?:\/\/([\d.]+:\d+), /.exec(said) ?? [];
    if (!host) continue;
    // Left behind by a test that failed, it neither holds up the others nor stays.
    process.once("exit", () => child.kill("SIGKILL"));
    child.unref();
    (child.stderr as Socket).unref();
    return { host, pid: child.pid ?? 0, log: () => log, end: (signal) => end(child, signal) };
  }
  throw new Error(`the registry did not start: ${said}${log}`);
}

async function end(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    child.ref();
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }
  return child.exitCode;
}

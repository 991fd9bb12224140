import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { messageOf } from "../errors.ts";
import { detach, mountOverlay } from "../sys/mount.ts";
import { inPrivateMounts } from "../sys/namespaces.ts";
import type { RuntimeCommand, StartOptions } from "./protocol.ts";

/** On a host with cgroup v1 and v2 side by side crun gives up; without the v2 mount in sight it works with v1. */
const unifiedOfHybrid = "/sys/fs/cgroup/unified";

let hybrid: boolean | undefined;
function isHybrid(): boolean {
  hybrid ??= readFileSync("/proc/self/mountinfo", "latin1").includes(` ${unifiedOfHybrid} `);
  return hybrid;
}

export interface RuntimeCall {
  runtime: RuntimeCommand;
  arguments: string[];
  /** Where the runtime writes what went wrong. */
  logFile: string;
  stdio: ("ignore" | "pipe" | number)[];
  rootfs?: StartOptions["rootfs"];
}

/** Starts the OCI runtime in a mount namespace that ends with it, with the container's overlay mounted there. */
export function spawnRuntime(call: RuntimeCall): ChildProcess {
  const { runtime, rootfs } = call;
  const words = ["--root", runtime.root, "--log", call.logFile, "--log-format", "json", ...call.arguments];
  mkdirSync(runtime.root, { recursive: true, mode: 0o700 });
  if (!rootfs && !isHybrid()) return spawn(runtime.program, words, { stdio: call.stdio });
  return inPrivateMounts(() => {
    if (isHybrid()) detach(unifiedOfHybrid);
    if (rootfs) mountOverlay(rootfs.overlay, rootfs.target);
    return spawn(runtime.program, words, { stdio: call.stdio });
  });
}

/** Waits for the runtime's own end. @throws Error with the runtime's words when it failed */
export function finished(child: ChildProcess, call: RuntimeCall): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      const missing = "code" in error && error.code === "ENOENT";
      reject(
        new Error(
          missing
            ? `OCI runtime "${call.runtime.program}" not found: install it or choose another with --runtime`
            : `OCI runtime "${call.runtime.program}": ${error.message}`,
        ),
      );
    });
    child.once("exit", (code, signal) => {
      if (code === 0) resolve();
      else
        reject(new Error(lastError(call.logFile) ?? `OCI runtime ended with ${signal ?? `status ${code}`}`));
    });
  });
}

/** The message of the last error the runtime wrote to its log. */
function lastError(logFile: string): string | undefined {
  try {
    const lines = readFileSync(logFile, "utf8").trim().split("\n");
    const entries = lines.map((line): { level?: string; msg?: string } => JSON.parse(line));
    return entries.findLast((entry) => entry.level === "error")?.msg;
  } catch (error) {
    return messageOf(error).includes("ENOENT") ? undefined : "its log is unreadable";
  }
}

import { mkdirSync, readFileSync } from "node:fs";
import { hasCode, messageOf } from "../errors.ts";
import { bytesOfText } from "../formats/tar/tar-entry.ts";
import type { RuntimeCommand, StartOptions } from "../supervisor-protocol/protocol.ts";
import { asFileOwner } from "../sys/idmapped-mount.ts";
import { SyscallError } from "../sys/libc.ts";
import { makeDirectoryInRoot } from "../sys/make-directory.ts";
import { mount, mountOverlay } from "../sys/mount.ts";
import { borrowMount } from "../sys/namespaces.ts";
import type { Trace } from "../trace.ts";
import type { Children } from "./children.ts";
import { mountRemapped } from "./remapped-mounts.ts";
import { takeSharedMounts } from "./shared-mounts.ts";

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
  fds: (number | "ignore")[];
  rootfs?: StartOptions["rootfs"];
  shm?: StartOptions["shm"];
  shared?: StartOptions["shared"];
  remap?: StartOptions["remap"];
  /** Kills the runtime. */
  signal: AbortSignal;
}

/**
 * Runs the OCI runtime to its end, in a mount namespace that ends with it, with the container's overlay mounted there.
 * @throws Error with the runtime's words when it fails, with the signal's reason when it was killed
 */
export async function runRuntime(children: Children, call: RuntimeCall, trace?: Trace): Promise<void> {
  const { runtime, rootfs, shm, remap, signal } = call;
  const common = ["--root", runtime.root, "--log", call.logFile, "--log-format", "json"];
  const words = [...(runtime.firstWords ?? []), ...common, ...call.arguments];
  mkdirSync(runtime.root, { recursive: true, mode: 0o700 });
  const shared = call.shared && (await takeSharedMounts(call.shared, signal));
  const isolate = () => {
    // To unmount it would take the kernel a millisecond.
    if (isHybrid()) mount("none", unifiedOfHybrid, "tmpfs", 0, "mode=755,size=64k");
    if (rootfs) mountRoot(rootfs, remap);
    if (shm) borrowMount(shm.pid, "/dev/shm", shm.target);
    shared?.attach();
  };
  const needsIsolation = rootfs !== undefined || isHybrid();
  const ended = children
    .run(runtime.program, words, call.fds, needsIsolation ? isolate : undefined, signal)
    .finally(() => shared?.close())
    .catch((error: unknown) => {
      throw hasCode(error, "ENOENT") && messageOf(error).startsWith("posix_spawn")
        ? missing(runtime.program)
        : error;
    });
  trace?.mark("mount and spawn");
  const { exitCode } = await ended;
  trace?.mark("runtime");
  if (exitCode === 0) return;
  signal.throwIfAborted();
  throw new Error(lastError(call.logFile) ?? `the OCI runtime ended with status ${exitCode}`);
}

/** With the directories that are missing in it, which are its root's. */
function mountRoot(rootfs: StartOptions["rootfs"], remap: StartOptions["remap"]): void {
  const { overlay, target, mountpoints = [], ensureDirectory } = rootfs;
  const complete = () => {
    for (const path of mountpoints) makeMountpoint(target, path);
    if (ensureDirectory) makeDirectoryInRoot(target, bytesOfText(ensureDirectory));
  };
  if (remap) {
    mountRemapped(overlay, target, remap);
    asFileOwner(remap.owner, complete);
  } else {
    mountOverlay(overlay, target);
    complete();
  }
}

function missing(program: string): Error {
  return new Error(`OCI runtime "${program}" not found: install it or choose another with --runtime`);
}

/** crun's, after it has said what it was. */
const noReason = "fail startup";

/** The message of the last error the runtime wrote to its log that says something. */
function lastError(logFile: string): string | undefined {
  try {
    const lines = readFileSync(logFile, "utf8").split("\n").filter(Boolean);
    const entries = lines.map((line): { level?: string; msg?: string } => JSON.parse(line));
    const errors = entries.filter(({ level }) => level === "error").map(({ msg }) => msg);
    return errors.findLast((message) => message !== noReason) ?? errors.at(-1);
  } catch (error) {
    return hasCode(error, "ENOENT") ? undefined : `its log is unreadable: ${messageOf(error)}`;
  }
}

/** The runtime would make it with another mode. Where it cannot be made, the runtime says why. */
function makeMountpoint(target: string, path: string): void {
  try {
    makeDirectoryInRoot(target, bytesOfText(path));
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
}

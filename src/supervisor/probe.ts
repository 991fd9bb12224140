import { chownSync, closeSync, readFileSync, rmSync } from "node:fs";
import { probeFiles } from "../supervisor-protocol/probe-files.ts";
import type { Probed, ProbeOptions } from "../supervisor-protocol/protocol.ts";
import { setLongTimeout } from "../sys/long-timeout.ts";
import { openOwnNull } from "../sys/null-device.ts";
import { makePipe } from "../sys/pipe.ts";
import type { ExitStatus } from "../sys/process.ts";
import type { Children } from "./children.ts";
import { gatherOutput } from "./gather-output.ts";
import { runRuntime } from "./run-runtime.ts";

const killedExitCode = 128 + 9;

/**
 * Runs a process in a container to its end. Hundreds may come a second: there is nothing to attach to, and nothing is kept of it.
 * @param folder for `openOwnNull`
 * @param signal kills it
 * @throws Error in the runtime's words when it could not be started; the signal's reason
 */
export async function probeInContainer(
  children: Children,
  options: ProbeOptions,
  folder: string,
  signal: AbortSignal,
): Promise<Probed> {
  const stdio = openStdio(options, folder);
  const killed = new AbortController();
  const onAbort = () => killed.abort(signal.reason);
  signal.addEventListener("abort", onAbort);
  let isLate = false;
  let hasBegun = false;
  const killAfter = (milliseconds: number) =>
    setLongTimeout(() => {
      isLate = true;
      killed.abort();
    }, milliseconds);
  let cancelTimeout = killAfter(options.startTimeoutMilliseconds ?? options.timeoutMilliseconds);
  // On a busy machine the runtime takes longer than many a check may, which says nothing of the container.
  const onBegun = () => {
    if (killed.signal.aborted) return;
    hasBegun = true;
    cancelTimeout();
    cancelTimeout = killAfter(options.timeoutMilliseconds);
  };
  try {
    const ending = runToEnd(children, options, stdio.childFds, killed.signal, onBegun);
    const exitCode = await ending.catch((error: unknown) => {
      if (isLate) return killedExitCode;
      throw error;
    });
    return { exitCode, ...(await stdio.output()), isLate, isUnstarted: isLate && !hasBegun };
  } finally {
    cancelTimeout();
    signal.removeEventListener("abort", onAbort);
    stdio.close();
  }
}

/**
 * @param signal kills it, which is not waited for: it may stand still with its container, or sleep in the kernel
 * @param onBegun it runs, and the runtime has done what it has to
 */
async function runToEnd(
  children: Children,
  { processFile, container, runtime }: ProbeOptions,
  fds: number[],
  signal: AbortSignal,
  onBegun: () => void,
): Promise<number> {
  const { pidFile, logFile } = probeFiles(processFile);
  const words = ["exec", "--detach", "--process", processFile, "--pid-file", pidFile, container];
  const ended = Promise.withResolvers<number>();
  /** It is this process's child, so until its end is seen the number is no other's. */
  let pid = 0;
  let hasEnded = false;
  const onEnd = ({ exitCode }: ExitStatus) => {
    pid = 0;
    hasEnded = true;
    ended.resolve(exitCode);
  };
  const kill = () => {
    if (pid > 0) process.kill(pid, "SIGKILL");
    ended.reject(signal.reason);
  };
  try {
    await children.whileStarting(async () => {
      const call = { runtime, arguments: words, logFile, fds, signal };
      // A runtime that is killed may have made the process by then.
      await runRuntime(children, call).finally(() => {
        pid = readPid(pidFile);
        if (pid > 0) children.onExit(pid, onEnd);
      });
    });
    // A daemon that has come meanwhile has ended it, and taken the file.
    if (pid === 0 && !hasEnded) throw new Error("the health check was ended as it began");
    onBegun();
    signal.addEventListener("abort", kill);
    if (signal.aborted) kill();
    return await ended.promise;
  } catch (error) {
    if (pid > 0) process.kill(pid, "SIGKILL");
    throw error;
  } finally {
    for (const file of [pidFile, logFile]) rmSync(file, { force: true });
  }
}

/** 0 when the runtime has made no process. */
function readPid(pidFile: string): number {
  try {
    return Number(readFileSync(pidFile, "latin1")) || 0;
  } catch {
    return 0;
  }
}

/** One pipe for what it writes, whatever to, which then stays in order. */
function openStdio({ owner, keptOutputBytes }: ProbeOptions, folder: string) {
  const opened = [openOwnNull(folder)];
  const closeAll = () => opened.splice(0).forEach((fd) => void closeSync(fd));
  try {
    const { readFd, writeFd } = makePipe();
    opened.push(writeFd, readFd);
    if (owner) chownSync(`/proc/self/fd/${writeFd}`, owner.uid, owner.gid);
    const gathered = gatherOutput(readFd, keptOutputBytes);
    // The reader closes its own end.
    opened.pop();
    return {
      childFds: [...opened, writeFd],
      output: gathered.take,
      close() {
        gathered.close();
        closeAll();
      },
    };
  } catch (error) {
    closeAll();
    throw error;
  }
}

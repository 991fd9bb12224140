import { chownSync, closeSync, rmSync } from "node:fs";
import type { Probed, ProbeOptions } from "../supervisor-protocol/protocol.ts";
import { setLongTimeout } from "../sys/long-timeout.ts";
import { openOwnNull } from "../sys/null-device.ts";
import { makePipe } from "../sys/pipe.ts";
import type { Children } from "./children.ts";
import { gatherOutput } from "./gather-output.ts";
import { killProbe, probeFiles } from "./probe-files.ts";
import { callRuntime, runtimeError } from "./run-runtime.ts";

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
  const { processFile, container, runtime } = options;
  const { pidFile, logFile } = probeFiles(processFile);
  const end = new AbortController();
  const kill = (reason: unknown) => {
    killProbe(pidFile);
    end.abort(reason);
  };
  const onAbort = () => kill(signal.reason);
  signal.addEventListener("abort", onAbort);
  let isLate = false;
  const cancelTimeout = setLongTimeout(() => {
    isLate = true;
    kill(undefined);
  }, options.timeoutMilliseconds);
  const stdio = openStdio(options, folder);
  try {
    const call = callRuntime(children, {
      runtime,
      arguments: ["exec", "--process", processFile, "--pid-file", pidFile, container],
      logFile,
      fds: stdio.childFds,
      signal: end.signal,
    });
    // One that sleeps in the kernel is late all the same.
    const exitCode = await call.catch((error: unknown) => {
      if (isLate) return killedExitCode;
      throw error;
    });
    signal.throwIfAborted();
    const complaint = exitCode === 0 || isLate ? undefined : runtimeError(logFile);
    if (complaint !== undefined) throw new Error(complaint);
    return { exitCode, ...(await stdio.output()), isLate };
  } finally {
    cancelTimeout();
    signal.removeEventListener("abort", onAbort);
    stdio.close();
    for (const file of [pidFile, logFile]) rmSync(file, { force: true });
  }
}

/** One pipe for what it writes, whatever to, which then stays in order. */
function openStdio({ owner, keptOutputBytes }: ProbeOptions, folder: string) {
  const nothing = openOwnNull(folder);
  let pipe: ReturnType<typeof makePipe>;
  try {
    pipe = makePipe();
  } catch (error) {
    closeSync(nothing);
    throw error;
  }
  const { readFd, writeFd } = pipe;
  if (owner) chownSync(`/proc/self/fd/${writeFd}`, owner.uid, owner.gid);
  const gathered = gatherOutput(readFd, keptOutputBytes);
  return {
    childFds: [nothing, writeFd, writeFd],
    output: gathered.take,
    close() {
      gathered.close();
      closeSync(writeFd);
      closeSync(nothing);
    },
  };
}

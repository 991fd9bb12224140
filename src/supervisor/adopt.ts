import type { AdoptOptions } from "../supervisor-protocol/protocol.ts";
import { watchForeign } from "./foreign.ts";
import type { HeldProcess, HeldProcesses } from "./held.ts";
import { createLogSink } from "./log-sink.ts";
import { noStdio, type OnOutput, reopenPipes, reopenTerminal, type Stdio } from "./stdio.ts";

/** Goes on with a process that an earlier supervisor started. @throws what it cannot be adopted for; then it can be tried again */
export function adopt(
  processes: HeldProcesses,
  options: AdoptOptions,
  onEnd: (held: HeldProcess, exitCode: number | undefined) => void,
): void {
  const { process: id, pid, startTicks, terminal } = options;
  // Before any output is read: it would be lost without.
  const log = createLogSink(options.log);
  let stdio: Stdio;
  try {
    stdio = reopen(processes.folderOf(id), options, (stream, chunk) =>
      processes.takeOutput(id, stream, chunk),
    );
  } catch (error) {
    void log.end();
    throw error;
  }
  const held: HeldProcess = { pid, startTicks, stdio, log };
  processes.hold(id, held, terminal);
  watchForeign(pid, startTicks, (exitCode) => onEnd(held, exitCode));
}

/** Without the daemon's copy of the pty master, the terminal died with the old supervisor. */
function reopen(folder: string, { terminal, lifeline, openStdin }: AdoptOptions, onOutput: OnOutput): Stdio {
  // The daemon keeps a copy of an input exactly as long as that is open.
  if (!terminal) return reopenPipes(folder, openStdin && lifeline !== undefined, onOutput);
  return lifeline ? reopenTerminal(lifeline, onOutput) : noStdio;
}

import type { AdoptOptions } from "../supervisor-protocol/protocol.ts";
import { watchForeign } from "./foreign.ts";
import type { HeldProcess, HeldProcesses } from "./held.ts";
import { createLogSink } from "./log-sink.ts";
import { noStdio, type OnOutput, reopenPipes, reopenTerminal, type Stdio } from "./stdio.ts";

/** Goes on with a process that an earlier supervisor started. */
export function adopt(
  processes: HeldProcesses,
  options: AdoptOptions,
  onEnd: (held: HeldProcess, exitCode: number | undefined) => void,
): void {
  const { process: id, pid, startTicks, terminal } = options;
  const stdio = reopen(processes.folderOf(id), options, (stream, chunk) =>
    processes.takeOutput(id, stream, chunk),
  );
  const log = createLogSink(options.log);
  const held: HeldProcess = { pid, startTicks, stdio, log };
  processes.hold(id, held, terminal);
  watchForeign(pid, startTicks, (exitCode) => onEnd(held, exitCode));
}

/** Without the daemon's copy of the pty master, the terminal died with the old supervisor. */
function reopen(folder: string, { terminal, lifeline, openStdin }: AdoptOptions, onOutput: OnOutput): Stdio {
  if (!terminal) return reopenPipes(folder, openStdin, onOutput);
  return lifeline ? reopenTerminal(lifeline, onOutput) : noStdio;
}

import { Duplex } from "node:stream";
import { hasCode, messageOf } from "../../errors.ts";
import { createFrameDecoder } from "../../formats/stdcopy.ts";
import { timestamp } from "../../formats/timestamp.ts";
import { formatDuration } from "../../formats/units.ts";
import { isLateBy } from "../../sys/long-timeout.ts";
import { isAlive } from "../../sys/process.ts";
import type { Container } from "../container.ts";
import type { Containers, Exec } from "../containers.ts";
import { createExec } from "../exec/exec.ts";
import { runExec } from "../exec/run-exec.ts";
import type { HealthResult } from "./judge.ts";
import type { Probe } from "./probe.ts";

const largestOutputBytes = 4096;
/** For one that could not be run, or did not end in time. */
const noExitCode = -1;
/** No client waits for it, but one that has seen it among the events may ask. Hundreds may come a second. */
const keptMilliseconds = 5000;

/**
 * Runs a container's health check once, to its end or until its time is over: then it is killed.
 * @param signal aborted when the result is no longer wanted: it is killed as well
 */
export async function runProbe(
  containers: Containers,
  container: Container,
  probe: Probe,
  signal: AbortSignal,
): Promise<HealthResult> {
  const Start = timestamp();
  const result = (ExitCode: number, Output: string): HealthResult => ({
    Start,
    End: timestamp(),
    ExitCode,
    Output,
  });
  const output = gatherOutput();
  try {
    const { id } = container.record;
    const request = { Cmd: probe.args, AttachStdout: true, AttachStderr: true };
    const exec = await createExec(containers, id, request, keptMilliseconds);
    const running = runExec(containers, exec, { isRaw: false, open: () => output.connection, gone: signal });
    const isLate = await isLateBy(probe.timeoutMilliseconds, running);
    if (isLate || signal.aborted) void killOnceBegun(exec);
    if (!isLate) return result(exec.exitCode ?? noExitCode, output.text());
    const time = formatDuration(probe.timeoutMilliseconds * 1e6);
    return result(noExitCode, `Health check exceeded timeout (${time}): ${output.text()}`);
  } catch (error) {
    return result(noExitCode, messageOf(error));
  }
}

/** Its time may be over before it is known which process it is. */
async function killOnceBegun(exec: Exec): Promise<void> {
  await exec.begun.promise;
  const { pid, startTicks } = exec;
  try {
    if (pid > 0 && isAlive(pid, startTicks)) process.kill(pid, "SIGKILL");
  } catch (error) {
    // It has ended in that moment.
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

/** The client's end of an exec's connection: it keeps the beginning of what comes. */
function gatherOutput(): { connection: Duplex; text(): string } {
  const kept: Buffer[] = [];
  let gathered = 0;
  let isCut = false;
  const frames = createFrameDecoder((_, chunk) => {
    const room = largestOutputBytes - gathered;
    if (chunk.length > room) isCut = true;
    if (room <= 0) return;
    const part = Buffer.from(chunk.subarray(0, room));
    kept.push(part);
    gathered += part.length;
  });
  const connection = new Duplex({
    read() {
      this.push(null);
    },
    write(chunk: Buffer, _, done) {
      try {
        frames.push(chunk);
      } catch (error) {
        return done(error as Error);
      }
      done();
    },
  });
  return { connection, text: () => `${Buffer.concat(kept).toString()}${isCut ? "..." : ""}` };
}

import { Duplex } from "node:stream";
import { hasCode } from "../../errors.ts";
import { createFrameDecoder } from "../../formats/stdcopy.ts";
import type { Probed } from "../../supervisor-protocol/protocol.ts";
import { isLateBy } from "../../sys/long-timeout.ts";
import { isAlive } from "../../sys/process.ts";
import type { Container } from "../container.ts";
import type { Containers, Exec } from "../containers.ts";
import { createExec } from "../exec/exec.ts";
import type { ProbeRequest } from "../exec/probe-exec.ts";
import { runExec } from "../exec/run-exec.ts";

/** The same as `probeExec` where the running supervisor is older than probes: an exec with a client of ours. */
export async function probeByClient(
  containers: Containers,
  container: Container,
  { args, timeoutMilliseconds, startTimeoutMilliseconds, keptOutputBytes, keptMilliseconds }: ProbeRequest,
  gone: AbortSignal,
): Promise<Probed> {
  const output = gatherFrames(keptOutputBytes);
  const request = { Cmd: args, AttachStdout: true, AttachStderr: true };
  const exec = await createExec(containers, container.record.id, request, keptMilliseconds);
  const running = runExec(containers, exec, { isRaw: false, open: () => output.connection, gone });
  const begun = Promise.race([exec.begun.promise, running]);
  const isUnstarted = await isLateBy(startTimeoutMilliseconds, begun);
  const isLate = isUnstarted || (await isLateBy(timeoutMilliseconds, running));
  if (isLate || gone.aborted) void killOnceBegun(exec);
  return { exitCode: exec.exitCode ?? -1, ...output.result(), isLate, isUnstarted };
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
function gatherFrames(keptBytes: number) {
  const kept: Buffer[] = [];
  let room = keptBytes;
  let isCut = false;
  const frames = createFrameDecoder((_, chunk) => {
    if (chunk.length > room) isCut = true;
    if (room <= 0) return;
    kept.push(Buffer.from(chunk.subarray(0, room)));
    room -= Math.min(room, chunk.length);
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
  return { connection, result: () => ({ output: Buffer.concat(kept).toString(), isCut }) };
}

import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { messageOf } from "../../errors.ts";
import { parseDetachKeys } from "../../formats/detach-keys.ts";
import { encodeFrame, streams } from "../../formats/stdcopy.ts";
import type { Supervisor } from "../../supervisor-client/client.ts";
import { type Containers, type Exec, publish } from "../containers.ts";
import { convertOutput } from "./convert-output.ts";
import { alreadyStarted, startExec, unknownExitCode } from "./exec.ts";
import { joinProcess } from "./join.ts";

export interface ExecClient {
  /** It takes the output as it is; else in frames. Whatever the exec itself has. */
  isRaw: boolean;
  /** Gives its end of the connection, once there is a process to join or an error to report. */
  open(): Duplex;
  /** Aborted when it is gone. */
  gone: AbortSignal;
}

const outputLost = "the supervisor was lost while the command was running: its output is incomplete";
const detached = "exec attach failed: error on attach stdin: read escape sequence";

/**
 * Starts an exec and passes its input and output, until the output ends. Once the client's connection is open, what goes wrong is
 * told there, and by the exec's exit code.
 */
export async function runExec(containers: Containers, exec: Exec, client: ExecClient): Promise<void> {
  const { request, id } = exec;
  const encode = (text: string, stream: number = streams.stdout) => {
    const message = Buffer.from(`${text}\r\n`);
    return client.isRaw ? message : encodeFrame(stream, message);
  };
  if (exec.started) return void client.open().end(encode(messageOf(alreadyStarted(exec))));
  const isCutOff = watchLoss(containers.supervisor, exec);
  // The connection for the output is made while the runtime is already at work.
  const name = randomUUID();
  const joining = joinProcess(containers, {
    process: id,
    client: name,
    stdin: request.stdin,
    stdout: request.stdout,
    // With Docker there is one way for both in a raw stream, and it is the output's.
    stderr: request.stderr && (request.tty || !client.isRaw),
    closesInput: !request.tty,
    keys: request.tty ? parseDetachKeys(request.detachKeys) : undefined,
    onDetach() {
      publish(containers, exec.container, "exec_detach", { execID: id });
      return encode(detached);
    },
    // Clients ask for the exit code once the output has ended, and take none for 0.
    ended: exec.ended.promise,
    explainLoss() {
      if (!isCutOff()) return undefined;
      // Clients that have a terminal know by the code alone, which is the true one once the command has ended.
      exec.exitCode ??= unknownExitCode;
      return encode(outputLost, streams.systemError);
    },
    conversion: convertOutput(request.tty, client.isRaw),
  });
  // docker-py loses what comes together with the headers, so they go first.
  const connection = client.open();
  const starting = startExec(containers, exec, name);
  starting.catch(() => {});
  const { join } = await joining.catch((error: unknown) => {
    // This client will not come, so the supervisor must not wait for it.
    containers.supervisor.call("abort", { process: id }).catch(() => {});
    connection.end(encode(messageOf(error)));
    throw error;
  });
  const joined = join(connection, client.gone);
  try {
    await starting;
  } catch (error) {
    if (!connection.writableEnded) connection.write(encode(messageOf(error)));
    await containers.supervisor.call("forget", { process: id });
  }
  await joined;
}

/** @returns what says whether an exec lost its supervisor while it ran */
function watchLoss(supervisor: Supervisor, exec: Exec): () => boolean {
  let hasEndedInCare = false;
  void exec.ended.promise.then(() => {
    hasEndedInCare = !supervisor.isLost;
  });
  return () => supervisor.isLost && !hasEndedInCare;
}

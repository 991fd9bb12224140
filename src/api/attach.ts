import type { Duplex, Writable } from "node:stream";
import type { Container } from "../containers/container.ts";
import { getContainer } from "../containers/containers.ts";
import { type AttachRequest, attachContainer } from "../containers/exec/attach.ts";
import { convertOutput } from "../containers/exec/convert-output.ts";
import { checkLogs, type LogsRequest, readLogs } from "../containers/logs/logs.ts";
import { EngineError, messageOf } from "../errors.ts";
import { openWebSocket } from "../sys/web-socket.ts";
import { statusOf } from "./errors.ts";
import { type ApiRequest, type Reply, rawStream } from "./request.ts";

const multiplexedStream = "application/vnd.docker.multiplexed-stream";

/** Clients before 1.42 know one media type only. */
export function mediaType(request: ApiRequest, tty: boolean): string {
  return tty || request.version < 42 ? rawStream : multiplexedStream;
}

/** A refusal is sent as a raw stream: a client that takes over its connection reads nothing else. */
export async function attach(request: ApiRequest): Promise<Reply | undefined> {
  try {
    await attachTo(request);
    return undefined;
  } catch (error) {
    if (!(error instanceof EngineError) || request.isHijacked) throw error;
    const headers = { "Content-Type": rawStream };
    return { status: statusOf(error), body: `${messageOf(error)}\r\n`, headers };
  }
}

async function attachTo(request: ApiRequest): Promise<void> {
  const { containers } = request.engine;
  const container = getContainer(containers, request.param("id"));
  const options = {
    stdin: request.flag("stdin"),
    stdout: request.flag("stdout"),
    stderr: request.flag("stderr"),
    detachKeys: request.text("detachKeys"),
  };
  const open = () => request.hijack(mediaType(request, container.record.config.Tty));
  await attachClient(request, container, options, open);
}

/** Over a WebSocket there are no frames of Docker's: both streams are one. Before 1.42 it was always all of them. */
export async function attachWebSocket(request: ApiRequest): Promise<undefined> {
  const container = getContainer(request.engine.containers, request.param("id"));
  const all = request.version < 42;
  const options = {
    stdin: all || request.flag("stdin"),
    stdout: all || request.flag("stdout"),
    stderr: all || request.flag("stderr"),
    detachKeys: request.text("detachKeys"),
    isRaw: true,
  };
  request.checkWebSocket();
  await attachClient(request, container, options, () =>
    openWebSocket(request.hijackWebSocket(), request.version < 28),
  );
}

/** @param open takes the connection over, once nothing can be refused any more */
async function attachClient(
  request: ApiRequest,
  container: Container,
  options: AttachRequest,
  open: () => Duplex,
): Promise<void> {
  const { containers } = request.engine;
  // An exit that is still being dealt with would end the new connection.
  if (!container.record.state.Running) await container.enqueue(() => {});
  const join = request.flag("stream") ? await attachContainer(containers, container, options) : undefined;
  const client = open();
  try {
    if (request.flag("logs")) await writeLog(request, container, options, client);
  } catch (error) {
    // The process's end is closed too.
    await join?.(client, AbortSignal.abort());
    throw error;
  }
  if (join) await join(client, request.signal);
  else client.end();
}

/** As with Docker, a line that is written meanwhile comes a second time to a client that is attached as well. */
async function writeLog(
  { engine, signal }: ApiRequest,
  container: Container,
  options: AttachRequest,
  client: Duplex,
): Promise<void> {
  const conversion = options.isRaw ? convertOutput(container.record.config.Tty, true) : undefined;
  conversion?.on("data", (chunk: Buffer) => client.write(chunk));
  for await (const chunk of readLogs(engine.containers, container, { ...wholeLog, ...options, signal })) {
    if (signal.aborted) return;
    (conversion ?? client).write(chunk);
    if (client.writableNeedDrain) await drained(client, signal);
  }
}

const wholeLog: LogsRequest = {
  stdout: true,
  stderr: true,
  follow: false,
  timestamps: false,
  since: "",
  until: "",
  tail: "all",
};

export async function logs(request: ApiRequest): Promise<undefined> {
  const { containers } = request.engine;
  const container = getContainer(containers, request.param("id"));
  const options: LogsRequest = {
    stdout: request.flag("stdout"),
    stderr: request.flag("stderr"),
    follow: request.flag("follow"),
    timestamps: request.flag("timestamps"),
    details: request.flag("details"),
    since: request.text("since"),
    until: request.text("until"),
    tail: request.text("tail"),
    signal: request.signal,
  };
  checkLogs(containers, container, options);
  const output = request.stream(mediaType(request, container.record.config.Tty));
  for await (const chunk of readLogs(containers, container, options)) {
    if (request.signal.aborted) return;
    if (!output.write(chunk)) await drained(output, request.signal);
  }
  output.end();
}

function drained(output: Writable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      output.off("drain", done).off("close", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    if (signal.aborted || output.destroyed) return resolve();
    output.once("drain", done).once("close", done);
    signal.addEventListener("abort", done, { once: true });
  });
}

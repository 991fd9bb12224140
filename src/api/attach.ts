import { randomUUID } from "node:crypto";
import { attachContainer, attachExec } from "../containers/attach.ts";
import { getContainer } from "../containers/containers.ts";
import { checkStartable, createExec, getExec, inspectExec, startExec } from "../containers/exec.ts";
import { checkLogs, type LogsOptions, readLogs } from "../containers/logs.ts";
import { messageOf } from "../errors.ts";
import { parseDetachKeys } from "../formats/detach-keys.ts";
import type { ExecCreateRequest } from "../formats/docker-api.ts";
import { encodeFrame, streams } from "../formats/stdcopy.ts";
import { windowSize } from "./containers.ts";
import { type ApiRequest, created, ok, type Reply } from "./request.ts";

const rawStream = "application/vnd.docker.raw-stream";
const multiplexedStream = "application/vnd.docker.multiplexed-stream";

/** Clients before 1.42 know one media type only. */
function mediaType(request: ApiRequest, tty: boolean): string {
  return tty || request.version < 42 ? rawStream : multiplexedStream;
}

export async function attach(request: ApiRequest): Promise<undefined> {
  const { containers } = request.engine;
  const container = getContainer(containers, request.param("id"));
  const detachKeys = request.text("detachKeys");
  parseDetachKeys(detachKeys);
  const options = {
    stdin: request.flag("stdin"),
    stdout: request.flag("stdout"),
    stderr: request.flag("stderr"),
    detachKeys,
  };
  // An exit that is still being dealt with would end the new connection.
  if (!container.record.state.Running) await container.enqueue(() => {});
  const join = request.flag("stream") ? await attachContainer(containers, container, options) : undefined;
  const client = request.hijack(mediaType(request, container.record.config.Tty));
  if (request.flag("logs")) {
    for await (const chunk of readLogs(containers, container, { ...wholeLog, ...options }))
      client.write(chunk);
  }
  if (join) await join(client);
  else client.end();
}

const wholeLog: LogsOptions = {
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
  const options: LogsOptions = {
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
  checkLogs(container, options);
  const output = request.stream(mediaType(request, container.record.config.Tty));
  for await (const chunk of readLogs(containers, container, options)) {
    if (request.signal.aborted) return;
    if (!output.write(chunk)) await drained(request);
  }
  output.end();
}

function drained({ output, signal }: ApiRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      output.off("drain", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    output.once("drain", done);
    signal.addEventListener("abort", done, { once: true });
  });
}

export async function execCreate(request: ApiRequest): Promise<Reply> {
  const { containers } = request.engine;
  const container = getContainer(containers, request.param("id"));
  const body = (await request.json()) as ExecCreateRequest;
  parseDetachKeys(body.DetachKeys ?? "");
  return created({ Id: createExec(containers, container, body).id });
}

export async function execStart(request: ApiRequest): Promise<Reply | undefined> {
  const { containers } = request.engine;
  const exec = getExec(containers, request.param("id"));
  const body = (await request.json()) as {
    Detach?: boolean;
    Tty?: boolean;
    ConsoleSize?: [number, number] | null;
  };
  if (body.ConsoleSize) exec.request.consoleSize = body.ConsoleSize;
  if (body.Detach) {
    await startExec(containers, exec);
    return { status: 200 };
  }
  const { tty, detachKeys } = exec.request;
  checkStartable(exec);
  // The connection for the output is made while the runtime is already at work.
  const name = randomUUID();
  const joining = attachExec(containers, exec, name, detachKeys);
  const starting = startExec(containers, exec, name);
  starting.catch(() => {});
  const join = await joining.catch((error: unknown) => {
    // Nobody comes any more, and the supervisor is not to wait for it.
    containers.supervisor.call("abort", { process: exec.id }).catch(() => {});
    throw error;
  });
  const client = request.hijack(mediaType(request, tty));
  const joined = join(client);
  try {
    await starting;
  } catch (error) {
    // The client reads a stream by now: it is told there, and by the exec's exit code.
    const message = Buffer.from(`${messageOf(error)}\r\n`);
    client.write(tty ? message : encodeFrame(streams.stdout, message));
    await containers.supervisor.call("forget", { process: exec.id });
  }
  await joined;
}

export function execInspect(request: ApiRequest): Reply {
  return ok(inspectExec(getExec(request.engine.containers, request.param("id"))));
}

export async function execResize(request: ApiRequest): Promise<Reply> {
  const { containers } = request.engine;
  const exec = getExec(containers, request.param("id"));
  await containers.supervisor.call("resize", { process: exec.id, ...windowSize(request) });
  return { status: 200 };
}

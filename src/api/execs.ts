import { createExec, getExec, getStartableExec, inspectExec, startExec } from "../containers/exec/exec.ts";
import { resizeExec } from "../containers/exec/resize.ts";
import { runExec } from "../containers/exec/run-exec.ts";
import { execCreateShape, execStartShape } from "../formats/docker-api/docker-api-bodies.ts";
import { mediaType } from "./attach.ts";
import { windowSize } from "./containers.ts";
import { type ApiRequest, created, ok, type Reply } from "./request.ts";

export async function create(request: ApiRequest): Promise<Reply> {
  const body = await request.body(execCreateShape);
  return created({ Id: (await createExec(request.engine.containers, request.param("id"), body)).id });
}

export async function start(request: ApiRequest): Promise<Reply | undefined> {
  const { containers } = request.engine;
  const body = await request.body(execStartShape);
  const exec = getStartableExec(containers, request.param("id"));
  if (body.ConsoleSize && body.Tty) exec.request.consoleSize = body.ConsoleSize;
  if (body.Detach) {
    await startExec(containers, exec);
    return { status: 200 };
  }
  const isRaw = body.Tty ?? false;
  await runExec(containers, exec, {
    isRaw,
    open: () => request.hijack(mediaType(request, isRaw)),
    gone: request.signal,
  });
  return undefined;
}

export function inspect(request: ApiRequest): Reply {
  const { containers } = request.engine;
  return ok(inspectExec(containers, getExec(containers, request.param("id"))));
}

export async function resize(request: ApiRequest): Promise<Reply> {
  const size = windowSize(request);
  await resizeExec(request.engine.containers, request.param("id"), size);
  return { status: 200 };
}

import type { Container, WaitCondition } from "../containers/container.ts";
import { getContainer } from "../containers/containers.ts";
import { createContainer } from "../containers/create.ts";
import { inspectContainer, sizesOf, summarizeContainer } from "../containers/inspect.ts";
import { listContainers, listFilters } from "../containers/list.ts";
import { pruneContainers, pruneFilters } from "../containers/prune.ts";
import { removeContainer } from "../containers/remove.ts";
import { renameContainer } from "../containers/rename.ts";
import { startContainer } from "../containers/start.ts";
import {
  killContainer,
  pauseContainer,
  restartContainer,
  stopContainer,
  unpauseContainer,
} from "../containers/stop.ts";
import { listProcesses } from "../containers/top.ts";
import { updateContainer } from "../containers/update.ts";
import { conflict, EngineError, invalid } from "../errors.ts";
import type { ContainerCreateRequest } from "../formats/docker-api.ts";
import { type ApiRequest, created, noContent, notModified, ok, type Reply } from "./request.ts";

function containerOf(request: ApiRequest): Container {
  return getContainer(request.engine.containers, request.param("id"));
}

export async function create(request: ApiRequest): Promise<Reply> {
  const body = (await request.json()) as ContainerCreateRequest;
  const { id, warnings } = await createContainer(
    request.engine.containers,
    body,
    request.text("name") || undefined,
    request.text("platform"),
  );
  return created({ Id: id, Warnings: warnings });
}

export async function list(request: ApiRequest): Promise<Reply> {
  const { containers } = request.engine;
  const found = listContainers(containers, {
    all: request.flag("all"),
    limit: Math.max(0, request.number("limit") ?? 0),
    filters: request.filters(listFilters),
  });
  const now = Date.now();
  const summaries = found.map((container) => summarizeContainer(containers, container, now));
  if (!request.flag("size")) return ok(summaries);
  const sizes = await Promise.all(found.map((container) => sizesOf(containers, container)));
  return ok(summaries.map((summary, n) => ({ ...summary, ...sizes[n] })));
}

export async function inspect(request: ApiRequest): Promise<Reply> {
  const { containers } = request.engine;
  const container = containerOf(request);
  const answer = inspectContainer(containers, container);
  return ok(request.flag("size") ? { ...answer, ...(await sizesOf(containers, container)) } : answer);
}

export async function start(request: ApiRequest): Promise<Reply> {
  if (request.text("checkpoint")) throw invalid("checkpoint is only supported in experimental mode");
  return (await startContainer(request.engine.containers, containerOf(request))) ? noContent : notModified;
}

function stopOptions(request: ApiRequest) {
  return { signal: request.text("signal") || undefined, timeoutSeconds: request.number("t") };
}

export async function stop(request: ApiRequest): Promise<Reply> {
  const container = containerOf(request);
  const stopped = await saying("cannot stop container", request, () =>
    stopContainer(request.engine.containers, container, stopOptions(request)),
  );
  return stopped ? noContent : notModified;
}

export async function restart(request: ApiRequest): Promise<Reply> {
  await restartContainer(request.engine.containers, containerOf(request), stopOptions(request));
  return noContent;
}

export async function kill(request: ApiRequest): Promise<Reply> {
  const { containers } = request.engine;
  await saying("cannot kill container", request, () =>
    killContainer(containers, containerOf(request), request.text("signal")),
  );
  return noContent;
}

/** Says what could not be done to which container before the reason why, as Docker does. */
async function saying<R>(what: string, request: ApiRequest, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind === "invalid") throw error;
    throw new EngineError(error.kind, `${what}: ${request.param("id")}: ${error.message}`, error);
  }
}

export async function pause(request: ApiRequest): Promise<Reply> {
  await pauseContainer(request.engine.containers, containerOf(request));
  return noContent;
}

export async function unpause(request: ApiRequest): Promise<Reply> {
  await unpauseContainer(request.engine.containers, containerOf(request));
  return noContent;
}

export function rename(request: ApiRequest): Reply {
  const name = request.text("name");
  if (!name) throw invalid("Neither old nor new names may be empty");
  renameContainer(request.engine.containers, containerOf(request), name);
  return noContent;
}

export async function remove(request: ApiRequest): Promise<Reply> {
  const container = containerOf(request);
  // There are no links so far: what is named can only be the container, which is not what is to be removed.
  if (request.flag("link")) throw conflict("Conflict, cannot remove the default link name of the container");
  await removeContainer(request.engine.containers, container, {
    force: request.flag("force"),
    removeVolumes: request.flag("v"),
  });
  return noContent;
}

export async function update(request: ApiRequest): Promise<Reply> {
  await updateContainer(request.engine.containers, containerOf(request), await request.json());
  return ok({ Warnings: [] });
}

export async function top(request: ApiRequest): Promise<Reply> {
  return ok(await listProcesses(request.engine.containers, containerOf(request), request.text("ps_args")));
}

export async function prune(request: ApiRequest): Promise<Reply> {
  return ok(await pruneContainers(request.engine.containers, request.filters(pruneFilters)));
}

const conditions = ["not-running", "next-exit", "removed"];

/** The head is sent at once: a client waits for it before it starts the container. */
export async function wait(request: ApiRequest): Promise<undefined> {
  const condition = request.text("condition") || "not-running";
  if (!conditions.includes(condition)) throw invalid(`invalid condition: "${condition}"`);
  const result = containerOf(request).wait(condition as WaitCondition, request.signal);
  const output = request.stream("application/json");
  const { exitCode, error } = await result;
  output.end(`${JSON.stringify({ StatusCode: exitCode, ...(error && { Error: { Message: error } }) })}\n`);
}

export async function resize(request: ApiRequest): Promise<Reply> {
  const { record } = containerOf(request);
  const { containers } = request.engine;
  await containers.supervisor.call("resize", { process: record.id, ...windowSize(request) });
  return { status: 200 };
}

export function windowSize(request: ApiRequest): { rows: number; columns: number } {
  const rows = request.number("h") ?? 0;
  const columns = request.number("w") ?? 0;
  if (rows < 0 || rows > 65535 || columns < 0 || columns > 65535) throw invalid("invalid terminal size");
  return { rows, columns };
}

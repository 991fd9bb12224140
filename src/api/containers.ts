import type { Container, EndCondition } from "../containers/container.ts";
import { getContainer } from "../containers/containers.ts";
import { createContainer } from "../containers/create/create.ts";
import { resizeContainer, type WindowSize } from "../containers/exec/resize.ts";
import { inspectContainer } from "../containers/inspect.ts";
import { pauseContainer, unpauseContainer } from "../containers/lifecycle/pause.ts";
import { changePorts } from "../containers/lifecycle/ports.ts";
import { pruneContainers, pruneFilters } from "../containers/lifecycle/prune.ts";
import { removeContainer } from "../containers/lifecycle/remove.ts";
import { renameContainer } from "../containers/lifecycle/rename.ts";
import { restartContainer } from "../containers/lifecycle/restart.ts";
import { startContainer } from "../containers/lifecycle/start.ts";
import { killContainer, parseKillSignal, stopContainer } from "../containers/lifecycle/stop.ts";
import { updateContainer } from "../containers/lifecycle/update.ts";
import { unlink } from "../containers/links.ts";
import { listContainers, listFilters } from "../containers/list.ts";
import { sizesOf } from "../containers/size.ts";
import { summarizeBriefly, summarizeContainers, summarizeWithSizes } from "../containers/summary.ts";
import { listProcesses } from "../containers/top.ts";
import { conflict, EngineError, invalid, notFound } from "../errors.ts";
import { createShape, portsChangeShape, updateShape } from "../formats/docker-api/docker-api-host-config.ts";
import { announcePrune, pruneAlone } from "../system/prune.ts";
import { settleCreateVersion } from "./create-versions.ts";
import { type ApiRequest, created, noContent, notModified, ok, type Reply } from "./request.ts";

export function containerOf(request: ApiRequest): Container {
  return getContainer(request.engine.containers, request.param("id"));
}

export async function create(request: ApiRequest): Promise<Reply> {
  const body = await request.body(createShape, { root: "", isRequired: true });
  const { leavesBelow, warnings } = settleCreateVersion(body, request.version);
  const platform = request.version < 41 ? "" : request.text("platform");
  const { containers } = request.engine;
  const name = request.text("name") || undefined;
  const made = await createContainer(containers, body, name, {
    platform,
    leavesBelow,
    signal: request.signal,
  });
  return created({ Id: made.id, Warnings: [...warnings, ...made.warnings] });
}

const briefSince = 48;

export async function listing(request: ApiRequest): Promise<Reply> {
  const { containers } = request.engine;
  const found = await listContainers(containers, {
    all: request.flag("all"),
    limit: Math.max(0, request.number("limit") ?? 0),
    filters: request.filters(listFilters),
  });
  // Our own parameter; with an older version's shapes it is passed over, as other engines do.
  if (request.flag("brief") && request.version >= briefSince && !request.flag("size"))
    return { status: 200, elements: summarizeBriefly(containers, found) };
  const summarize = request.flag("size") ? summarizeWithSizes : summarizeContainers;
  return { status: 200, elements: summarize(containers, found) };
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
  const stopped = await saying("cannot stop container:", request, () =>
    stopContainer(request.engine.containers, container, stopOptions(request)),
  );
  return stopped ? noContent : notModified;
}

export async function restart(request: ApiRequest): Promise<Reply> {
  const container = containerOf(request);
  await saying("Cannot restart container", request, () =>
    restartContainer(request.engine.containers, container, stopOptions(request)),
  );
  return noContent;
}

export async function kill(request: ApiRequest): Promise<Reply> {
  const { containers } = request.engine;
  await saying("cannot kill container:", request, () => {
    const signal = parseKillSignal(request.text("signal"));
    return killContainer(containers, containerOf(request), signal);
  });
  return noContent;
}

/** Says what could not be done to which container before the reason why, as Docker does. */
async function saying<R>(what: string, request: ApiRequest, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(error.kind, `${what} ${request.param("id")}: ${error.message}`, error);
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
  const [name = "", alias] = request.param("id").replace(/^\//, "").split("/");
  if (alias !== undefined) return removeLink(request, name, alias);
  const container = containerOf(request);
  // A link has two names: this is the container, which is not what is to be removed.
  if (request.flag("link")) throw conflict("Conflict, cannot remove the default link name of the container");
  await removeContainer(request.engine.containers, container, {
    reference: request.param("id"),
    force: request.flag("force"),
    removeVolumes: request.flag("v"),
  });
  return noContent;
}

/** `rm --link /web/the-db`, which clients write into the path as it is. */
export function removeNamedLink(request: ApiRequest): Promise<Reply> {
  return removeLink(request, request.param("id"), request.param("alias"));
}

async function removeLink(request: ApiRequest, name: string, alias: string): Promise<Reply> {
  if (!request.flag("link")) throw notFound(`No such container: ${name}/${alias}`);
  await unlink(request.engine.containers, name, alias);
  return noContent;
}

export async function update(request: ApiRequest): Promise<Reply> {
  const limits = await request.body(updateShape);
  const warnings = await updateContainer(request.engine.containers, containerOf(request), limits);
  return ok({ Warnings: warnings });
}

export async function changePublished(request: ApiRequest): Promise<Reply> {
  const change = await request.body(portsChangeShape);
  await changePorts(request.engine.containers, containerOf(request), change);
  return noContent;
}

export async function top(request: ApiRequest): Promise<Reply> {
  return ok(await listProcesses(request.engine.containers, containerOf(request), request.text("ps_args")));
}

export async function prune(request: ApiRequest): Promise<Reply> {
  const { containers, events } = request.engine;
  const filters = request.filters(pruneFilters);
  const result = await pruneAlone(containers, () => pruneContainers(containers, filters, request.signal));
  if (!request.signal.aborted) announcePrune(events, "container", result.SpaceReclaimed);
  return ok(result);
}

const conditions = ["not-running", "next-exit", "removed"];

/** The head is sent at once: a client waits for it before it starts the container. */
export async function wait(request: ApiRequest): Promise<undefined> {
  const condition = request.text("condition") || "not-running";
  if (!conditions.includes(condition)) throw invalid(`invalid condition: "${condition}"`);
  const result = containerOf(request).wait(condition as EndCondition, request.signal);
  const output = request.stream("application/json");
  const { exitCode, error } = await result;
  output.end(`${JSON.stringify({ StatusCode: exitCode, ...(error && { Error: { Message: error } }) })}\n`);
}

export async function resize(request: ApiRequest): Promise<Reply> {
  const size = windowSize(request);
  await resizeContainer(request.engine.containers, containerOf(request), size);
  return { status: 200 };
}

/** @throws EngineError invalid */
export function windowSize(request: ApiRequest): WindowSize {
  return { rows: side(request, "h", "height"), columns: side(request, "w", "width") };
}

function side(request: ApiRequest, name: string, what: string): number {
  const text = request.text(name);
  const refuse = (reason: string) => invalid(`invalid resize ${what} ${JSON.stringify(text)}: ${reason}`);
  if (!/^[+-]?\d+$/.test(text)) throw refuse("invalid syntax");
  const value = Number(text);
  if (value < 0 || value > largestSide) throw refuse("value out of range");
  return value % (largestWindowSide + 1);
}

/** Docker takes 32 bits, of which the kernel has 16. */
const largestSide = 2 ** 32 - 1;
const largestWindowSide = 2 ** 16 - 1;

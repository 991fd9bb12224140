import type { OpenEngine } from "../engine/engine.ts";
import { invalid, notFound, notImplemented, unavailable } from "../errors.ts";
import type { EngineEvent } from "../events/events.ts";
import { compileEventFilter } from "../events/filter.ts";
import type { EngineProcess } from "../formats/docker-api/docker-api-system.ts";
import { parseTimestamp } from "../formats/timestamp.ts";
import { metricsType } from "../metrics/metrics.ts";
import { waitLong } from "../sys/long-timeout.ts";
import { checkSystem } from "../system/check.ts";
import { describeDiskUse, diskUseTypes } from "../system/df.ts";
import { describeSystem } from "../system/info.ts";
import { describeMetrics } from "../system/metrics.ts";
import { describeVersion } from "../system/version.ts";
import { describeCache } from "./build-cache.ts";
import { type ApiRequest, ok, type Reply } from "./request.ts";

export function ping({ engine }: ApiRequest): Reply {
  return { status: 200, body: "OK", headers: pingHeaders(engine) };
}

export function pingHead({ engine }: ApiRequest): Reply {
  return {
    status: 200,
    headers: { ...pingHeaders(engine), "Content-Type": "text/plain; charset=utf-8", "Content-Length": "0" },
  };
}

const pingHeaders = ({ config }: OpenEngine) => ({
  "Builder-Version": config.hasBuildKit ? "2" : "1",
  Swarm: "inactive",
  "Cache-Control": "no-cache, no-store, must-revalidate",
  Pragma: "no-cache",
});

export const getVersion = (): Reply => ok(describeVersion());

export async function info({ engine }: ApiRequest): Promise<Reply> {
  const [ofNetworks, devices] = await Promise.all([
    engine.networks.listWarnings(),
    engine.containers.cdi.list(),
  ]);
  return ok(describeSystem(engine, ofNetworks, devices));
}

export async function df(request: ApiRequest): Promise<Reply> {
  const types = request.version < 42 ? [] : request.query.getAll("type");
  const unknown = types.find((type) => !diskUseTypes.includes(type));
  if (unknown !== undefined) throw invalid(`unknown object type: ${unknown}`);
  const usage = await describeDiskUse(request.engine, types, request.signal);
  if (types.length > 0 && !types.includes("build-cache")) return ok(usage);
  const cache = await request.engine.builder.usage([]);
  return ok({ ...usage, BuildCache: cache.map(describeCache) });
}

export async function checkEngine({ engine }: ApiRequest): Promise<Reply> {
  return ok(await checkSystem(engine, false));
}

export async function repair({ engine }: ApiRequest): Promise<Reply> {
  return ok(await checkSystem(engine, true));
}

export function stop(request: ApiRequest): Reply {
  const { engine } = request;
  if (!engine.onStopRequest) {
    throw notImplemented("cannot stop the engine: it is embedded in another process");
  }
  const stopContainers = request.flag("containers");
  request.output.once("finish", () => engine.onStopRequest?.({ stopContainers }));
  // A client on this machine watches the process end, since systemd may hold its socket open.
  return ok({ Pid: process.pid } satisfies EngineProcess);
}

/** What the engine has counted, as Prometheus reads it. */
export function metrics({ engine }: ApiRequest): Reply {
  const body = describeMetrics(engine.containers, engine.config.id);
  return { status: 200, body, headers: { "Content-Type": metricsType } };
}

/** Past events since `since`, or all of them where there is only `until`; then those to come, until `until` or the client is gone. */
export async function events(request: ApiRequest): Promise<undefined> {
  const since = parseBound(request.text("since"));
  const until = parseBound(request.text("until"));
  const isWanted = compileEventFilter(request.filters());
  if (since !== undefined && until !== undefined && until < since) {
    const [from, to] = [request.text("since"), request.text("until")];
    throw invalid(`\`since\` time (${from}) cannot be after \`until\` time (${to})`);
  }
  const source = request.engine.events;
  const output = request.stream("application/json");
  const send = (event: EngineEvent) => {
    if (!isWanted(event)) return;
    output.write(encodeEvent(event));
    if (output.writableLength > largestBacklogBytes) output.destroy();
  };
  if (since !== undefined || until !== undefined) {
    for (const event of source.recent()) {
      const at = event.timeNano / 1e6;
      if ((since === undefined || at >= since) && (until === undefined || at <= until)) send(event);
    }
  }
  if (until === undefined || until > Date.now()) {
    const counted = request.engine.metrics.events;
    const unsubscribe = source.subscribe(send);
    counted.listeners++;
    await waitLong(until === undefined ? Number.POSITIVE_INFINITY : until - Date.now(), request.signal);
    counted.listeners--;
    unsubscribe();
  }
  output.end();
}

const lastEncoded = { event: undefined as EngineEvent | undefined, line: "" };

/** A line of JSON, made once for all that listen. */
function encodeEvent(event: EngineEvent): string {
  if (lastEncoded.event !== event) Object.assign(lastEncoded, { event, line: `${JSON.stringify(event)}\n` });
  return lastEncoded.line;
}

/** A client that asks for events and does not read them is let go before it costs more memory than this. */
const largestBacklogBytes = 16 << 20;

function parseBound(text: string): number | undefined {
  if (text === "") return undefined;
  const milliseconds = parseTimestamp(text);
  if (milliseconds === undefined) throw invalid(`strconv.ParseInt: parsing "${text}": invalid syntax`);
  return milliseconds;
}

/** As a daemon that was not started with --experimental. */
export function noCheckpoints(): never {
  throw notFound("page not found");
}

/** Drivers are built in. */
export function noPlugins(): never {
  throw notImplemented("plugins are not supported");
}

/** This engine is never part of a swarm. */
export function noSwarm(): never {
  throw unavailable(
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  );
}

import { type IncomingMessage, type RequestListener, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Engine } from "../engine/engine.ts";
import { EngineError, invalid, messageOf, notFound } from "../errors.ts";
import { apiVersion, minApiVersion, version } from "../formats/version.ts";
import { createTrace } from "../trace.ts";
import { statusOf } from "./errors.ts";
import { ApiRequest, type Reply, type Upgrade } from "./request.ts";
import { routes } from "./routes.ts";

/** The engine's API over HTTP: give the listeners to as many servers as there are sockets. */
export interface ApiListeners {
  request: RequestListener;
  upgrade: (input: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

export function createApiListeners(engine: Engine): ApiListeners {
  return {
    request(input, output) {
      void serve(engine, input, output, undefined);
    },
    upgrade(input, socket, head) {
      socket.on("error", () => socket.destroy());
      // Answers other than the raw stream are ordinary ones, written by the same means.
      const output = new ServerResponse(input);
      output.shouldKeepAlive = false;
      const upgrade: Upgrade = { socket, head };
      void serve(engine, input, output, upgrade);
    },
  };
}

async function serve(
  engine: Engine,
  input: IncomingMessage,
  output: ServerResponse,
  upgrade: Upgrade | undefined,
): Promise<void> {
  const trace = createTrace();
  const gone = new AbortController();
  (upgrade?.socket ?? output).once("close", () => gone.abort());
  for (const [name, value] of Object.entries(commonHeaders(engine))) output.setHeader(name, value);
  try {
    const url = new URL(input.url ?? "/", "http://engine");
    const { minor, path } = splitVersion(url.pathname);
    const found = findRoute(input.method ?? "GET", path);
    const request = new ApiRequest({
      engine,
      input,
      output,
      upgrade,
      query: url.searchParams,
      version: minor,
      params: found.params,
      signal: gone.signal,
    });
    const reply = await found.handler(request);
    if (reply) send(output, reply, upgrade);
    const milliseconds = trace.end();
    if (milliseconds) engine.logger.info({ trace: found.name, milliseconds });
  } catch (error) {
    fail({ engine, output, upgrade, error, gone: gone.signal, what: `${input.method} ${input.url}` });
  }
}

function commonHeaders(engine: Engine): Record<string, string> {
  return {
    "Api-Version": apiVersion,
    "Docker-Experimental": "false",
    Ostype: "linux",
    Server: `Docker/${version} (linux)`,
    ...(engine.config.debug && { "X-Engine": "berth" }),
  };
}

/** "/v1.41/info" → 41 and "/info"; without a version, the newest. @throws EngineError invalid for one we do not serve */
function splitVersion(pathname: string): { minor: number; path: string } {
  const newest = Number(apiVersion.split(".")[1]);
  const match = /^\/v(\d+)\.(\d+)(\/.*)$/.exec(pathname);
  if (!match) return { minor: newest, path: pathname };
  const [, major, minor, path = "/"] = match;
  const asked = `${major}.${minor}`;
  if (Number(major) !== 1 || Number(minor) > newest) {
    throw invalid(`client version ${asked} is too new. Maximum supported API version is ${apiVersion}`);
  }
  if (Number(minor) < Number(minApiVersion.split(".")[1])) {
    throw invalid(
      `client version ${asked} is too old. Minimum supported API version is ${minApiVersion}, please upgrade your client to a newer version`,
    );
  }
  return { minor: Number(minor), path };
}

/** `:name` stands for one segment, `:name+` for one or more. */
const compiled = routes.map(([method, path, handler]) => {
  const names = [...path.matchAll(/:(\w+)/g)].map((match) => match[1]!);
  const source = path.replace(/:\w+\+/g, "(.+)").replace(/:\w+/g, "([^/]+)");
  return { name: `${method} ${path}`, method, handler, names, pattern: new RegExp(`^${source}$`) };
});

function findRoute(method: string, path: string) {
  for (const route of compiled) {
    const match = route.method === method ? route.pattern.exec(path) : null;
    if (!match) continue;
    const params = Object.fromEntries(route.names.map((name, n) => [name, decode(match[n + 1] ?? "")]));
    return { name: route.name, handler: route.handler, params };
  }
  throw notFound("page not found");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw invalid(`invalid URL escape in "${text}"`, error);
  }
}

function send(output: ServerResponse, reply: Reply, upgrade: Upgrade | undefined): void {
  if (upgrade) output.assignSocket(upgrade.socket as never);
  const isText = typeof reply.body === "string";
  const body =
    reply.body === undefined ? undefined : isText ? String(reply.body) : `${JSON.stringify(reply.body)}\n`;
  output.writeHead(reply.status, {
    ...(body !== undefined && {
      "Content-Type": isText ? "text/plain; charset=utf-8" : "application/json",
      "Content-Length": Buffer.byteLength(body),
    }),
    ...reply.headers,
  });
  output.end(body);
  if (upgrade) output.once("finish", () => upgrade.socket.end());
}

function fail(options: {
  engine: Engine;
  output: ServerResponse;
  upgrade: Upgrade | undefined;
  error: unknown;
  gone: AbortSignal;
  what: string;
}): void {
  const { engine, output, upgrade, error, gone, what } = options;
  const status = statusOf(error);
  // The client has gone, which ended what was done for it.
  if (gone.aborted) return;
  if (!(error instanceof EngineError)) engine.logger.error({ error, request: what }, messageOf(error));
  if (output.headersSent) {
    output.destroy();
    return;
  }
  if (output.destroyed || upgrade?.socket.destroyed) return;
  send(output, { status, body: { message: messageOf(error) } }, upgrade);
}

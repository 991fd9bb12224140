import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  ServerResponse,
} from "node:http";
import { createServer as createTlsServer, type ServerOptions as TlsServerOptions } from "node:https";
import type { Duplex } from "node:stream";
import type { OpenEngine } from "../engine/engine.ts";
import { invalid, notFound } from "../errors.ts";
import { createPathRouter, pathOfTarget, type Routed } from "../formats/path-router.ts";
import { apiVersion, minApiVersion, version } from "../formats/version.ts";
import { mapSlices } from "../sys/pauses.ts";
import { createTrace } from "../trace.ts";
import { type Exchange, fail, send } from "./answer.ts";
import { closeWithClient } from "./close-with-client.ts";
import { readForm } from "./form.ts";
import { decideUpgrades } from "./hijack.ts";
import { ApiRequest } from "./request.ts";
import { type Route, routes } from "./routes.ts";
import { createTurns } from "./turns.ts";
import { asOfVersion, readableVersion } from "./versions.ts";
import { waitForBody } from "./wait-for-body.ts";

/** The engine's API over HTTP, on as many servers as there are sockets. */
export interface ApiListeners {
  request: RequestListener;
  upgrade: (input: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** Go's limit. With a build a client sends the tokens of all its registries (`X-Registry-Config`). */
const maxHeaderSize = 1 << 20;
/** The packets that keep a connection alive show that a client's machine has gone. */
const serverOptions: ServerOptions = { keepAlive: true, keepAliveInitialDelay: 15_000, maxHeaderSize };

/**
 * A server with the limits that the API's clients need: an upload may take as long as it takes. It answers nothing before `serveApi`.
 * The caller has it listen, and closes it.
 * @param tls for HTTPS
 */
export function createApiServer(tls?: TlsServerOptions): Server {
  const server = tls ? createTlsServer({ ...tls, ...serverOptions }) : createServer(serverOptions);
  server.requestTimeout = 0;
  // As dockerd: a client that asks again over its connection must not meet the end of it.
  server.keepAliveTimeout = 0;
  return server;
}

/** Has them answer what comes to this server, plain or with TLS. */
export function serveApi(server: Server, { request, upgrade }: ApiListeners): void {
  server
    .on("connection", decideUpgrades)
    .on("secureConnection", decideUpgrades)
    .on("request", request)
    .on("upgrade", upgrade);
}

export function createApiListeners(engine: OpenEngine): ApiListeners {
  const inTurn = createTurns();
  return {
    request(input, output) {
      inTurn(() => {
        if (output.destroyed) return;
        waitForBody(input, output);
        void serve({ engine, input, output, upgrade: undefined });
      });
    },
    upgrade(input, socket, head) {
      socket.on("error", () => socket.destroy());
      closeWithClient(input.socket, socket);
      // Answers other than the raw stream are ordinary ones, written by the same means.
      const output = new ServerResponse(input);
      output.shouldKeepAlive = false;
      void serve({ engine, input, output, upgrade: { socket, head, isTaken: false } });
    },
  };
}

/** One for all: an error of its own for each, with its stack, costs more than many a request. */
const clientIsGone = new DOMException("the client is gone", "AbortError");

const findRoute = createPathRouter(routes, { mayEndInSlash: false });

async function serve(exchange: Exchange): Promise<void> {
  const { engine, input, output, upgrade } = exchange;
  const gone = new AbortController();
  (upgrade?.socket ?? output).once("close", () => gone.abort(clientIsGone));
  // What comes too late for an answer is lost. Without a listener it would end the process.
  output.on("error", () => {});
  for (const [name, value] of Object.entries(commonHeaders(engine))) output.setHeader(name, value);
  try {
    const { minor, rest } = splitVersion(input.url ?? "/");
    input.url = rest;
    const found = findRoute(input.method ?? "", pathOfTarget(rest));
    if (!found) throw notFound("page not found");
    await dispatch(found, exchange, minor, gone.signal);
  } catch (error) {
    fail(exchange, error, gone.signal);
  }
}

async function dispatch(
  { route: [method, path, handler, ofInput], parameters: params }: Routed<Route>,
  exchange: Exchange,
  version: number,
  signal: AbortSignal,
): Promise<void> {
  const trace = createTrace();
  const { searchParams } = new URL(exchange.input.url ?? "/", "http://engine");
  const form = ofInput === "form" ? await readForm(exchange.input) : [];
  const query = new URLSearchParams([...form, ...searchParams]);
  const reply = await handler(new ApiRequest({ ...exchange, version, signal, params, query }));
  if (reply) {
    const { engine, input } = exchange;
    const readable = readableVersion(version, input.headers["user-agent"]);
    const ofVersion = (body: unknown) => asOfVersion(`${method} ${path}`, readable, body, engine);
    const ofVersions = (slice: readonly unknown[]) => ofVersion(slice) as readonly unknown[];
    if (reply.elements) send(exchange, { ...reply, elements: mapSlices(reply.elements, ofVersions) });
    else send(exchange, { ...reply, body: ofVersion(reply.body) });
  }
  const milliseconds = trace.end();
  if (milliseconds) exchange.engine.logger.info({ trace: `${method} ${path}`, milliseconds });
}

function commonHeaders(engine: OpenEngine): Record<string, string> {
  return {
    "Api-Version": apiVersion,
    "Docker-Experimental": "false",
    Ostype: "linux",
    Server: `Docker/${version} (linux)`,
    ...(engine.config.debug && { "X-Engine": "berth" }),
  };
}

const oldestTolerated = 12;

/** "/v1.41/info" → 41 and "/info"; without a version, the newest. @throws EngineError invalid for one we do not serve */
function splitVersion(url: string): { minor: number; rest: string } {
  const newest = Number(apiVersion.split(".")[1]);
  const match = /^\/v(\d+)\.(\d+)(\/.*)$/.exec(url);
  if (!match) return { minor: newest, rest: url };
  const [, major, minor, rest = "/"] = match;
  const asked = `${major}.${minor}`;
  if (Number(major) !== 1 || Number(minor) > newest) {
    throw invalid(`client version ${asked} is too new. Maximum supported API version is ${apiVersion}`);
  }
  const oldest = Number(minApiVersion.split(".")[1]);
  // Clients of these versions read what 1.24 has, as far as they are still used.
  if (Number(minor) < Math.min(oldest, oldestTolerated)) {
    throw invalid(
      `client version ${asked} is too old. Minimum supported API version is ${minApiVersion}, please upgrade your client to a newer version`,
    );
  }
  return { minor: Number(minor), rest };
}

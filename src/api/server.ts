import { type IncomingMessage, type RequestListener, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import Router from "router";
import type { Engine } from "../engine/engine.ts";
import { invalid, notFound } from "../errors.ts";
import { apiVersion, minApiVersion, version } from "../formats/version.ts";
import { createTrace } from "../trace.ts";
import { type Exchange, fail, send } from "./answer.ts";
import { ApiRequest } from "./request.ts";
import { type Route, routes } from "./routes.ts";
import { createTurns } from "./turns.ts";

/** The engine's API over HTTP: give the listeners to as many servers as there are sockets. */
export interface ApiListeners {
  request: RequestListener;
  upgrade: (input: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

export function createApiListeners(engine: Engine): ApiListeners {
  const router = createRouter();
  const inTurn = createTurns();
  return {
    request(input, output) {
      inTurn(() => {
        if (!output.destroyed) serve(router, { engine, input, output, upgrade: undefined });
      });
    },
    upgrade(input, socket, head) {
      socket.on("error", () => socket.destroy());
      // Answers other than the raw stream are ordinary ones, written by the same means.
      const output = new ServerResponse(input);
      output.shouldKeepAlive = false;
      serve(router, { engine, input, output, upgrade: { socket, head } });
    },
  };
}

/** One for all: an error of its own for each, with its stack, costs more than many a request. */
const clientIsGone = new DOMException("the client is gone", "AbortError");

const exchanges = new WeakMap<IncomingMessage, Exchange & { version: number; signal: AbortSignal }>();

function createRouter(): Router.Router {
  const router = new Router({ caseSensitive: true, strict: true });
  for (const route of routes) {
    const [method, path] = route;
    const name = method.toLowerCase() as "get" | "head" | "post" | "put" | "delete";
    router[name](path, (input, _, next) => dispatch(route, input, next));
  }
  return router;
}

function serve(router: Router.Router, exchange: Exchange): void {
  const { engine, input, output, upgrade } = exchange;
  const gone = new AbortController();
  (upgrade?.socket ?? output).once("close", () => gone.abort(clientIsGone));
  for (const [name, value] of Object.entries(commonHeaders(engine))) output.setHeader(name, value);
  const done = (error?: unknown) => fail(exchange, error ?? notFound("page not found"), gone.signal);
  try {
    const { minor, rest } = splitVersion(input.url ?? "/");
    input.url = rest;
    exchanges.set(input, { ...exchange, version: minor, signal: gone.signal });
    router(input, output, done);
  } catch (error) {
    done(error);
  }
}

async function dispatch([method, path, handler]: Route, input: Router.Request, next: () => void) {
  // The router would have a GET serve HEAD as well.
  if (input.method !== method) return next();
  const trace = createTrace();
  const exchange = exchanges.get(input)!;
  const segments = Object.entries(input.params).map(([name, value]) => [name, [value].flat().join("/")]);
  const { searchParams } = new URL(input.url ?? "/", "http://engine");
  const reply = await handler(
    new ApiRequest({ ...exchange, params: Object.fromEntries(segments), query: searchParams }),
  );
  if (reply) send(exchange, reply);
  const milliseconds = trace.end();
  if (milliseconds) exchange.engine.logger.info({ trace: `${method} ${path}`, milliseconds });
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
function splitVersion(url: string): { minor: number; rest: string } {
  const newest = Number(apiVersion.split(".")[1]);
  const match = /^\/v(\d+)\.(\d+)(\/.*)$/.exec(url);
  if (!match) return { minor: newest, rest: url };
  const [, major, minor, rest = "/"] = match;
  const asked = `${major}.${minor}`;
  if (Number(major) !== 1 || Number(minor) > newest) {
    throw invalid(`client version ${asked} is too new. Maximum supported API version is ${apiVersion}`);
  }
  if (Number(minor) < Number(minApiVersion.split(".")[1])) {
    throw invalid(
      `client version ${asked} is too old. Minimum supported API version is ${minApiVersion}, please upgrade your client to a newer version`,
    );
  }
  return { minor: Number(minor), rest };
}

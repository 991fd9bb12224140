import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { messageOf } from "../errors.ts";
import { createPathRouter, pathOfTarget } from "../formats/path-router.ts";
import type { Logger } from "../logger.ts";
import { sendRefusal } from "../sys/drop-body.ts";
import { sendTo } from "../sys/send.ts";
import type { Authenticate } from "./authenticate.ts";
import { RegistryCall, type RegistryReply, type Rooms } from "./call.ts";
import { formatErrors, RegistryError, toRegistryError } from "./errors.ts";
import { registryRoutes } from "./routes.ts";

export interface ServerOptions {
  rooms: Rooms;
  logger: Logger;
  /** Left out where every client may do everything. */
  authenticate?: Authenticate | undefined;
}

/** The registry over HTTP. */
export function createRequestListener({ rooms, logger, authenticate }: ServerOptions): RequestListener {
  const findRoute = createPathRouter(registryRoutes, { mayEndInSlash: true });
  async function serve(input: IncomingMessage, output: ServerResponse): Promise<void> {
    await authenticate?.(input);
    const { method = "", url = "/" } = input;
    const found = findRoute(method === "HEAD" ? "GET" : method, pathOfTarget(url));
    if (!found) throw unknownPath(input);
    if (rooms.upstream !== undefined && isPush(input)) throw refuseToPush(rooms.upstream);
    const [, , handler] = found.route;
    await send(input, output, await handler(new RegistryCall(rooms, input, found.parameters)));
  }
  return async (input, output) => {
    const began = performance.now();
    output.once("close", () => {
      const { method, url } = input;
      const milliseconds = Math.round(performance.now() - began);
      const isWhole = output.writableEnded;
      logger.debug({
        method,
        url,
        status: output.statusCode,
        milliseconds,
        ...(!isWhole && { isCut: true }),
      });
    });
    try {
      output.setHeader("Docker-Distribution-API-Version", "registry/2.0");
      output.setHeader("X-Content-Type-Options", "nosniff");
      await serve(input, output);
    } catch (error) {
      fail(input, output, error, logger);
    }
  };
}

/** What is deleted from a mirror is fetched again when it is asked for. */
const isPush = ({ method }: IncomingMessage) => method === "POST" || method === "PUT" || method === "PATCH";

function refuseToPush(upstream: string): RegistryError {
  return new RegistryError("UNSUPPORTED", `this registry is a mirror: push to ${upstream} itself`);
}

function unknownPath({ method, url }: IncomingMessage): RegistryError {
  return method === "GET" || method === "HEAD"
    ? new RegistryError("NAME_UNKNOWN", `there is nothing at ${url}`)
    : new RegistryError("UNSUPPORTED", `${method} is not supported at ${url}`);
}

async function send(input: IncomingMessage, output: ServerResponse, reply: RegistryReply): Promise<void> {
  const { status, headers = {}, body } = reply;
  const isHead = input.method === "HEAD";
  if (typeof body === "function" && !isHead) {
    // Opened before the head is sent, so that what is not there is still an error of its own.
    const stream = await body();
    output.writeHead(status, headers);
    // A mirror's first bytes may take a while.
    output.flushHeaders();
    // A client sees that less came than was promised.
    if (!(await sendTo(output, stream))) output.destroy();
    return;
  }
  const content = typeof body === "function" ? undefined : body;
  const length = body === undefined && status !== 204 && status !== 304 ? 0 : undefined;
  output.writeHead(status, {
    ...(content !== undefined && { "Content-Length": Buffer.byteLength(content) }),
    ...(length !== undefined && { "Content-Length": length }),
    ...headers,
  });
  output.end(isHead ? undefined : content);
}

/** Answers with the error, if the client is still there; what is not the client's mistake is logged. */
function fail(input: IncomingMessage, output: ServerResponse, thrown: unknown, logger: Logger): void {
  // The client has gone, which ended what was done for it.
  if (output.destroyed) return;
  const known = toRegistryError(thrown);
  if (!known || known.code === "STORAGE_FULL") {
    logger.error({ error: thrown, request: `${input.method} ${input.url}` }, messageOf(thrown));
  }
  if (output.headersSent) {
    output.destroy();
    return;
  }
  const error = known ?? new RegistryError("UNKNOWN", "the registry failed; its log says why");
  sendRefusal(input, output, { status: error.status, headers: error.headers, body: formatErrors(error) });
}

import { once } from "node:events";
import { type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import { decodeFrames, encodeMessageFrame } from "./frames.ts";
import type { Given, MessageType } from "./message.ts";
import { sessionOptions, settleSession } from "./options.ts";
import { code, encodeTrailers, GrpcError, toGrpcError } from "./status.ts";

/** One call, as its method sees it. */
export interface GrpcCall<Reply> {
  /** The client's metadata. */
  headers: IncomingHttpHeaders;
  /** Aborted when the client is no longer interested. */
  signal: AbortSignal;
  /** Resolves when there is room for more. */
  send(reply: Given<Reply>): Promise<void>;
}

/** A method, by how it is described and what it does. */
export interface Method {
  handle(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, signal: AbortSignal): Promise<void>;
}

/** One request, one reply. */
export function unary<Q, R>(
  request: MessageType<Q>,
  reply: MessageType<R>,
  handle: (value: Q, call: Pick<GrpcCall<R>, "headers" | "signal">) => Promise<Given<R>> | Given<R>,
): Method {
  return serverStream(request, reply, async (value, call) => call.send(await handle(value, call)));
}

/** One request, any number of replies. */
export function serverStream<Q, R>(
  request: MessageType<Q>,
  reply: MessageType<R>,
  handle: (value: Q, call: GrpcCall<R>) => Promise<void>,
): Method {
  return duplex(request, reply, async (requests, call) => {
    for await (const value of requests) return handle(value, call);
    throw new GrpcError(code.invalidArgument, "the request has no message");
  });
}

/** Any number of both. */
export function duplex<Q, R>(
  request: MessageType<Q>,
  reply: MessageType<R>,
  handle: (requests: AsyncIterable<Q>, call: GrpcCall<R>) => Promise<void>,
): Method {
  return {
    handle: (stream, headers, signal) =>
      handle(decodeAll(stream, request), {
        headers,
        signal,
        send: (value) => writeFrame(stream, encodeMessageFrame(reply.encode(value))),
      }),
  };
}

async function* decodeAll<Q>(stream: ServerHttp2Stream, type: MessageType<Q>): AsyncGenerator<Q> {
  for await (const frame of decodeFrames(stream.iterator({ destroyOnReturn: false }) as never))
    yield type.decode(frame);
}

/** Waits while the other side is behind. Silent when it has gone. */
export async function writeFrame(stream: Duplex, frame: Buffer): Promise<void> {
  if (stream.destroyed || stream.writableEnded || stream.write(frame)) return;
  const stop = new AbortController();
  const { signal } = stop;
  try {
    await Promise.race([once(stream, "drain", { signal }), once(stream, "close", { signal })]);
  } catch {
    // It has failed, which its reader sees.
  } finally {
    stop.abort();
  }
}

/**
 * Serves gRPC on a connection that has been taken over from HTTP, as its server.
 * @param methods by path, "/package.Service/Method"
 */
export function serveGrpc(socket: Duplex, methods: ReadonlyMap<string, Method>): void {
  const session = performServerHandshake(socket, sessionOptions);
  settleSession(session, socket);
  session.on("stream", (stream: ServerHttp2Stream, headers) => void answer(stream, headers, methods));
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  methods: ReadonlyMap<string, Method>,
): Promise<void> {
  const gone = new AbortController();
  stream.on("error", () => {});
  stream.once("close", () => gone.abort());
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  let failure: GrpcError | undefined;
  stream.once("wantTrailers", () => {
    stream.sendTrailers(encodeTrailers(failure));
    // A client that still sends would wait for room that never comes.
    if (failure && !stream.readableEnded) setImmediate(() => stream.close());
  });
  try {
    const path = headers[":path"] as string;
    const method = methods.get(path);
    if (!method) throw new GrpcError(code.unimplemented, `unknown method ${path}`);
    await method.handle(stream, headers, gone.signal);
  } catch (error) {
    failure = toGrpcError(error);
  }
  if (!stream.destroyed) stream.end();
}

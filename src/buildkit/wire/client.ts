import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { Duplex } from "node:stream";
import { unavailable } from "../../errors.ts";
import { decodeFrames, encodeMessageFrame } from "./frames.ts";
import type { Given, MessageType } from "./message.ts";
import { sessionOptions, settleSession } from "./options.ts";
import { writeFrame } from "./server.ts";
import { decodeTrailers, type GrpcError } from "./status.ts";

/** A value of the list is a header of its own. */
export type Metadata = Record<string, string | string[]>;

/** A call of which both sides say as much as they like. */
export interface OpenCall<Q, R> {
  send(request: Given<Q>): Promise<void>;
  /** Nothing more will be sent. */
  end(): void;
  /** @throws GrpcError when the other side ends the call with one */
  replies: AsyncIterable<R>;
  /** Gives the call up. */
  cancel(): void;
}

export interface GrpcClient {
  /** @param patience milliseconds */
  unary<Q, R>(
    path: string,
    request: MessageType<Q>,
    reply: MessageType<R>,
    value: Given<Q>,
    metadata?: Metadata,
    patience?: number,
  ): Promise<R>;
  open<Q, R>(
    path: string,
    request: MessageType<Q>,
    reply: MessageType<R>,
    metadata?: Metadata,
  ): OpenCall<Q, R>;
  readonly isClosed: boolean;
  onClose(listener: () => void): void;
  close(): void;
}

/** The longest that a timer takes: no bound. */
const longestTimeout = 2 ** 31 - 1;

/** The client of a connection that has been taken over from HTTP, on which this side speaks first. */
export function connectGrpc(socket: Duplex): GrpcClient {
  const session = connect("http://localhost", { ...sessionOptions, createConnection: () => socket });
  settleSession(session, socket);

  function open<Q, R>(
    path: string,
    request: MessageType<Q>,
    reply: MessageType<R>,
    metadata: Metadata = {},
  ): OpenCall<Q, R> {
    const stream = begin(session, path, metadata);
    return {
      send: (value) => writeFrame(stream, encodeMessageFrame(request.encode(value))),
      end: () => void stream.end(),
      replies: decodeReplies(stream, reply),
      cancel: () => stream.close(8),
    };
  }

  return {
    async unary(path, request, reply, value, metadata, patience = longestTimeout) {
      const call = open(path, request, reply, metadata);
      void call.send(value);
      call.end();
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        call.cancel();
      }, patience);
      try {
        let answer: ReturnType<typeof reply.decode> | undefined;
        for await (const one of call.replies) answer = one;
        return answer ?? reply.decode(new Uint8Array());
      } catch (error) {
        throw isLate ? unavailable(`${path} was not answered in time`) : error;
      } finally {
        clearTimeout(timer);
      }
    },
    open,
    get isClosed() {
      return session.destroyed || session.closed;
    },
    onClose: (listener) => void session.once("close", listener),
    close: () => session.destroy(),
  };
}

function begin(session: ClientHttp2Session, path: string, metadata: Metadata): ClientHttp2Stream {
  if (session.destroyed || session.closed) throw unavailable("the client's session has ended");
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...metadata,
  });
  stream.on("error", () => {});
  return stream;
}

async function* decodeReplies<R>(stream: ClientHttp2Stream, reply: MessageType<R>): AsyncGenerator<R> {
  let outcome: { failure: GrpcError | undefined } | undefined;
  const note = (headers: Record<string, unknown>) => {
    if ("grpc-status" in headers) outcome = { failure: decodeTrailers(headers) };
  };
  // An error may come without a body, and then in the first headers.
  stream.on("response", note);
  stream.on("trailers", note);
  for await (const frame of decodeFrames(stream)) yield reply.decode(frame);
  if (!outcome) throw unavailable("the client's session has ended");
  if (outcome.failure) throw outcome.failure;
}

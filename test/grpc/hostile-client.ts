import type { ServerHttp2Stream } from "node:http2";
import { solveRequest, solveResponse } from "../../src/buildkit/messages/control.ts";
import { type FileStat, packet, packetType } from "../../src/buildkit/messages/filesync.ts";
import {
  bridgeSolveRequest,
  bridgeSolveResponse,
  returnRequest,
} from "../../src/buildkit/messages/gateway.ts";
import { empty } from "../../src/buildkit/messages/pb.ts";
import { connectGrpc, type GrpcClient } from "../../src/buildkit/wire/client.ts";
import { encodeMessageFrame } from "../../src/buildkit/wire/frames.ts";
import type { Given } from "../../src/buildkit/wire/message.ts";
import { type Method, serveGrpc } from "../../src/buildkit/wire/server.ts";
import { newBuildId } from "../../src/client/build/session.ts";
import { parseHost } from "../../src/client/host.ts";
import { createTransport } from "../../src/client/transport.ts";
import { messageOf } from "../../src/errors.ts";

export const fileSyncPath = "/moby.filesync.v1.FileSync/DiffCopy";
export const control = "/moby.buildkit.v1.Control";
export const bridge = "/moby.buildkit.v1.frontend.LLBBridge";

export type Stat = Given<FileStat>;
/** What a client says, packet by packet, without waiting for an answer. */
export type Script = (stream: ServerHttp2Stream) => void;

export const frameOf = (
  given: Given<import("../../src/buildkit/wire/message.ts").MessageOf<typeof packet>>,
) => encodeMessageFrame(packet.encode(given));
export const statOf = (path: string, more: Stat = {}): Buffer =>
  frameOf({ type: packetType.stat, stat: { path, mode: 0o644, ...more } });
export const endOfList = frameOf({ type: packetType.stat });
export const dataOf = (id: number, data = ""): Buffer =>
  frameOf({ type: packetType.data, id, data: Buffer.from(data) });
export const fin = frameOf({ type: packetType.fin });
export const directoryMode = 2 ** 31 + 0o755;

/** A connection to an engine's gRPC. */
export async function openClient(host: string): Promise<GrpcClient> {
  const { socket } = await createTransport(parseHost(host)).hijack("/grpc", { headers: { Upgrade: "h2c" } });
  return connectGrpc(socket);
}

/** A session that serves these methods. The caller closes it. @throws ApiError */
export async function openSession(
  host: string,
  methods: ReadonlyMap<string, Method>,
  id = newBuildId(),
): Promise<{ id: string; close(): void; isClosed(): boolean }> {
  const { socket } = await createTransport(parseHost(host)).hijack("/session", {
    headers: {
      Upgrade: "h2c",
      "X-Docker-Expose-Session-Uuid": id,
      "X-Docker-Expose-Session-Grpc-Method": [...methods.keys()],
    },
  });
  serveGrpc(socket, methods);
  return { id, close: () => void socket.destroy(), isClosed: () => socket.destroyed };
}

/** Sends one file, as a client should; then whatever the script says for the context. */
export function fileSyncOf(dockerfile: string, context: Script): Map<string, Method> {
  return new Map([
    [
      fileSyncPath,
      {
        async handle(stream, headers) {
          if (headers["dir-name"] === "dockerfile") honest(stream, dockerfile);
          else if (String(headers.followpaths ?? "") === ".dockerignore") honest(stream, undefined);
          else context(stream);
          await new Promise((resolve) => stream.once("close", resolve));
        },
      } satisfies Method,
    ],
  ]);
}

function honest(stream: ServerHttp2Stream, content: string | undefined): void {
  if (content !== undefined) {
    stream.write(statOf("Dockerfile", { size: content.length }));
    stream.write(endOfList);
    stream.write(dataOf(0, content));
    stream.write(dataOf(0));
  } else stream.write(endOfList);
  stream.write(fin.subarray(0, 0));
  answerFin(stream);
}

/** Ends the transfer once the other side has all. */
export function answerFin(stream: ServerHttp2Stream): void {
  const wanted = fin.toString("hex");
  let seen = "";
  stream.on("data", (chunk: Buffer) => {
    seen += chunk.toString("hex");
    if (!seen.endsWith(wanted)) return;
    stream.write(fin);
    stream.end();
  });
}

export interface Order {
  sessionId: string;
  attributes?: Record<string, string>;
  ref?: string;
}

/** Asks for a build as clients do. @returns what went wrong, or "" */
export async function attempt(client: GrpcClient, { sessionId, attributes = {}, ref = newBuildId() }: Order) {
  const metadata = { "buildkit-controlapi-buildid": ref };
  const frontendAttrs = new Map(Object.entries({ "no-cache": "", ...attributes }));
  const solved = client
    .unary(`${control}/Solve`, solveRequest, solveResponse, {
      ...{ ref, session: sessionId, frontendAttrs },
      exporters: [{ type: "moby", attrs: new Map() }],
    })
    .then(() => "", messageOf);
  try {
    const request = { frontend: "dockerfile.v0", frontendOpt: frontendAttrs };
    const { result } = await client.unary(
      `${bridge}/Solve`,
      ...([bridgeSolveRequest, bridgeSolveResponse, request, metadata] as const),
    );
    await client.unary(`${bridge}/Return`, returnRequest, empty, { result }, metadata);
  } catch (error) {
    const failed = { error: { code: 2, message: messageOf(error), details: [] } };
    await client.unary(`${bridge}/Return`, returnRequest, empty, failed, metadata).catch(() => {});
    return messageOf(error);
  }
  return solved;
}

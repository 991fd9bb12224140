import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { bytesMessage } from "../../buildkit/messages/control.ts";
import { enterFailedStep } from "../../buildkit/messages/failed-step.ts";
import {
  checkAgentRequest,
  credentialsRequest,
  credentialsResponse,
  secretRequest,
  secretResponse,
} from "../../buildkit/messages/filesync.ts";
import { empty } from "../../buildkit/messages/pb.ts";
import { duplex, type Method, serveGrpc, unary } from "../../buildkit/wire/server.ts";
import { code, GrpcError } from "../../buildkit/wire/status.ts";
import type { ApiTransport } from "../transport.ts";
import { type ContentStores, serveContent } from "./content-store.ts";
import { type EnterableStep, serveFailedSteps } from "./failed-step.ts";
import { fileSend, type OutputReceiver } from "./receive-output.ts";
import { fileSync } from "./send-directory.ts";

/** What a build may ask of the one who wants it. */
export interface SessionOffers {
  /** Directories by name: "context", "dockerfile", others. */
  directories: ReadonlyMap<string, string>;
  /** By id; undefined for one that is not there. */
  findSecret(id: string): Promise<Buffer | undefined>;
  /** Sockets of SSH agents by id. */
  agents: ReadonlyMap<string, string>;
  findCredentials(host: string): Promise<{ username: string; secret: string } | undefined>;
  /** The archive that stands for the context, once. */
  upload?: { id: string; content: AsyncIterable<Uint8Array> };
  /** Directories of blobs. */
  stores?: ContentStores;
  /** Lets someone in where a step fails. */
  enterFailedStep?: (failed: EnterableStep) => Promise<void>;
  /** For the builder's exporters, by their places. */
  receivers?: readonly (OutputReceiver | undefined)[];
  /** Names the directories over several builds. */
  sharedKey: string;
}

/** 25 characters, as BuildKit's clients make them. */
export function newBuildId(): string {
  const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  return Array.from(randomBytes(25), (byte) => alphabet[byte % alphabet.length]).join("");
}

/** Opens a session for a build. The caller closes it. @throws ApiError */
export async function openBuildSession(
  transport: ApiTransport,
  offers: SessionOffers,
): Promise<{ id: string; close(): void }> {
  const id = newBuildId();
  const methods = methodsOf(offers);
  const headers: Record<string, string> = {
    Upgrade: "h2c",
    "X-Docker-Expose-Session-Uuid": id,
    "X-Docker-Expose-Session-Sharedkey": offers.sharedKey,
  };
  const { socket } = await transport.hijack("/session", {
    headers: { ...headers, "X-Docker-Expose-Session-Grpc-Method": [...methods.keys()] },
  });
  serveGrpc(socket, methods);
  return { id, close: () => void socket.destroy() };
}

function methodsOf(offers: SessionOffers): Map<string, Method> {
  const {
    directories,
    agents,
    findSecret,
    findCredentials,
    upload,
    enterFailedStep: enter,
    stores = new Map(),
    receivers = [],
  } = offers;
  return new Map<string, Method>([
    ["/moby.filesync.v1.FileSync/DiffCopy", fileSync(directories)],
    [
      "/moby.buildkit.secrets.v1.Secrets/GetSecret",
      unary(secretRequest, secretResponse, async ({ id }) => {
        const data = await findSecret(id);
        if (!data) throw new GrpcError(code.notFound, `secret ${id}: not found`);
        return { data };
      }),
    ],
    [
      "/moby.filesync.v1.Auth/Credentials",
      unary(credentialsRequest, credentialsResponse, async ({ host }) => (await findCredentials(host)) ?? {}),
    ],
    [
      "/moby.sshforward.v1.SSH/CheckAgent",
      unary(checkAgentRequest, empty, ({ id }) => {
        getAgent(agents, id);
        return {};
      }),
    ],
    ["/moby.sshforward.v1.SSH/ForwardAgent", forwardAgent(agents)],
    ...(receivers.some((one) => one !== undefined)
      ? [["/moby.filesync.v1.FileSend/DiffCopy", fileSend(receivers)] as const]
      : []),
    ...(enter ? [[enterFailedStep, serveFailedSteps(enter)] as const] : []),
    ...(stores.size > 0 ? serveContent(stores) : []),
    ...(upload ? [["/moby.upload.v1.Upload/Pull", sendUpload(upload)] as const] : []),
  ]);
}

function getAgent(agents: SessionOffers["agents"], id: string): string {
  const socket = agents.get(id || "default");
  if (socket === undefined) throw new GrpcError(code.unknown, `unset ssh forward key ${id || "default"}`);
  return socket;
}

function forwardAgent(agents: SessionOffers["agents"]): Method {
  return duplex(bytesMessage, bytesMessage, async (requests, call) => {
    const socket = getAgent(agents, String(call.headers["buildkit.ssh.id"] ?? ""));
    const agent = await connectTo(socket);
    // One that goes away says so in what is read of it.
    agent.on("error", () => {});
    const answers = (async () => {
      for await (const data of agent) await call.send({ data });
    })();
    const asked = (async () => {
      for await (const { data } of requests) agent.write(data);
      agent.end();
    })();
    try {
      await Promise.race([answers, asked.then(() => answers)]);
    } finally {
      agent.destroy();
    }
  });
}

/** @throws GrpcError where no agent listens any more */
async function connectTo(path: string): Promise<Socket> {
  const agent = connect(path);
  try {
    await once(agent, "connect");
    return agent;
  } catch (error) {
    agent.destroy();
    const reason = error instanceof Error ? error.message : String(error);
    throw new GrpcError(
      code.unknown,
      `failed to connect to the SSH agent: ${reason}: make sure that it runs, and that SSH_AUTH_SOCK is its socket`,
    );
  }
}

const pieceBytes = 1024 * 1024;

function sendUpload({ id, content }: NonNullable<SessionOffers["upload"]>): Method {
  return duplex(bytesMessage, bytesMessage, async (_, call) => {
    if (call.headers.urlpath !== `/${id}`) throw new GrpcError(code.notFound, "no such upload");
    for await (const chunk of content)
      for (let at = 0; at < chunk.length; at += pieceBytes)
        await call.send({ data: chunk.subarray(at, at + pieceBytes) });
  });
}

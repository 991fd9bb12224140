import { Duplex } from "node:stream";
import type { ClientSession } from "../build/client-session.ts";
import { archivePatience } from "../build/frontend/context-archive.ts";
import { bytesMessage } from "../buildkit/messages/control.ts";
import { enterFailedStep } from "../buildkit/messages/failed-step.ts";
import {
  checkAgentRequest,
  credentialsRequest,
  credentialsResponse,
  secretRequest,
  secretResponse,
} from "../buildkit/messages/filesync.ts";
import { empty } from "../buildkit/messages/pb.ts";
import type { GrpcClient } from "../buildkit/wire/client.ts";
import { code, GrpcError } from "../buildkit/wire/status.ts";
import { dockerHub, dockerHubHost } from "../distribution/settings.ts";
import { notImplemented } from "../errors.ts";
import { contentMethods, openClientContent, repliesInTime } from "./client-content.ts";
import { openFailedStep } from "./failed-step.ts";
import { readDirectory } from "./file-sync.ts";
import { sendArchive, sendFiles } from "./send-files.ts";

/** What clients say of a session when they begin one. */
export interface SessionOffer {
  id: string;
  sharedKey: string;
  /** "/package.Service/Method", in lower case. */
  methods: ReadonlySet<string>;
}

/** Milliseconds for a small answer: a person may be asked for it. */
const patience = 60_000;
const largestSecretBytes = 500 * 1024;

/** What a client serves on its session. */
export function createClientSession(offer: SessionOffer, client: GrpcClient): ClientSession {
  const offers = (path: string) => offer.methods.has(path.toLowerCase());

  function need(path: string): void {
    if (!offers(path)) throw notImplemented(`method ${path} is not supported by the client`);
  }

  return {
    id: offer.id,
    sharedKey: offer.sharedKey,
    async readDirectory(request, visitor, signal) {
      need("/moby.filesync.v1.FileSync/DiffCopy");
      await readDirectory(client, request, visitor, signal);
    },
    async findSecret(id) {
      const path = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
      if (!offers(path)) return undefined;
      const reply = await orNothing(
        client.unary(path, secretRequest, secretResponse, { id }, {}, patience),
        code.notFound,
      );
      if (reply && reply.data.length > largestSecretBytes)
        throw new GrpcError(code.unknown, `secret ${id} is larger than ${largestSecretBytes} bytes`);
      return reply && Buffer.from(reply.data);
    },
    async hasAgent(id) {
      const path = "/moby.sshforward.v1.SSH/CheckAgent";
      if (!offers(path)) return false;
      return client.unary(path, checkAgentRequest, empty, { id }, {}, patience).then(
        () => true,
        () => false,
      );
    },
    async openAgent(id) {
      const path = "/moby.sshforward.v1.SSH/ForwardAgent";
      need(path);
      return streamOf(client, path, { "buildkit.ssh.id": id });
    },
    async *upload(id) {
      const path = "/moby.upload.v1.Upload/Pull";
      need(path);
      const metadata = { urlpath: `/${id}`, urlhost: "buildkit-session" };
      const call = client.open(path, bytesMessage, bytesMessage, metadata);
      for await (const { data } of repliesInTime(call, archivePatience)) yield Buffer.from(data);
    },
    async findCredentials(domain) {
      const path = "/moby.filesync.v1.Auth/Credentials";
      if (!offers(path)) return undefined;
      const { username, secret } = await client.unary(
        path,
        credentialsRequest,
        credentialsResponse,
        // Stock clients know Docker Hub's login by the name of its registry alone.
        { host: domain === dockerHub ? dockerHubHost : domain },
        {},
        patience,
      );
      if (username !== "") return { username, password: secret };
      return secret === "" ? undefined : { identityToken: secret };
    },
    content(store) {
      need(contentMethods.read);
      return openClientContent(client, store);
    },
    takesFailedSteps: offers(enterFailedStep),
    async openFailedStep(failed, signal) {
      need(enterFailedStep);
      return openFailedStep(client, failed, signal);
    },
    sendFiles: (exporter, entries) => sendFiles(client, exporter, entries),
    sendArchive: (exporter, chunks, metadata) => sendArchive(client, exporter, chunks, metadata),
  };
}

async function orNothing<R>(reply: Promise<R>, expected: number): Promise<R | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof GrpcError && error.code === expected) return undefined;
    throw error;
  }
}

/** A call that carries bytes both ways. */
function streamOf(client: GrpcClient, path: string, metadata: Record<string, string>): Duplex {
  const call = client.open(path, bytesMessage, bytesMessage, metadata);
  let goOn = () => {};
  const stream = new Duplex({
    allowHalfOpen: true,
    read: () => goOn(),
    write(chunk: Buffer, _, done) {
      call.send({ data: chunk }).then(() => done(), done);
    },
    final(done) {
      call.end();
      done();
    },
    destroy(error, done) {
      call.cancel();
      done(error);
    },
  });
  void (async () => {
    try {
      for await (const { data } of call.replies)
        if (!stream.push(Buffer.from(data))) await new Promise<void>((resolve) => (goOn = resolve));
      stream.push(null);
    } catch (error) {
      stream.destroy(error as Error);
    }
  })();
  return stream;
}

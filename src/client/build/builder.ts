import {
  historyEvent,
  type historyRecord,
  historyRequest,
  listWorkersRequest,
  listWorkersResponse,
  type StatusResponse,
  statusRequest,
  statusResponse,
  updateHistoryRequest,
  type workerRecord,
} from "../../buildkit/messages/control.ts";
import { empty } from "../../buildkit/messages/pb.ts";
import { connectGrpc } from "../../buildkit/wire/client.ts";
import type { MessageOf } from "../../buildkit/wire/message.ts";
import type { ApiTransport } from "../transport.ts";

export type BuildRecord = MessageOf<typeof historyRecord>;
export type Worker = MessageOf<typeof workerRecord>;

/** What can be asked of an engine's builder besides builds, by BuildKit's API. */
export interface BuilderConnection {
  listWorkers(): Promise<Worker[]>;
  /**
   * Builds that run and builds that are over, newest first.
   * @param filters any of which fits: "status==error,duration>5s" @throws GrpcError for a bad one
   */
  listHistory(filters?: readonly string[]): Promise<{ record: BuildRecord; isActive: boolean }[]>;
  /** What a build has reported; of one that runs until it ends. @throws GrpcError when there is none */
  followBuild(ref: string): AsyncIterable<StatusResponse>;
  /** @throws GrpcError when there is none */
  removeRecord(ref: string): Promise<void>;
  close(): void;
}

const control = "/moby.buildkit.v1.Control";
const active = 0;

/** @throws ApiError */
export async function connectBuilder(transport: ApiTransport): Promise<BuilderConnection> {
  const { socket } = await transport.hijack("/grpc", { headers: { Upgrade: "h2c" } });
  const client = connectGrpc(socket);
  return {
    async listWorkers() {
      const path = `${control}/ListWorkers`;
      return (await client.unary(path, listWorkersRequest, listWorkersResponse, {})).record;
    },
    async listHistory(filter = []) {
      const call = client.open(`${control}/ListenBuildHistory`, historyRequest, historyEvent);
      await call.send({ earlyExit: true, filter });
      call.end();
      const found: { record: BuildRecord; isActive: boolean }[] = [];
      for await (const { type, record } of call.replies)
        if (record) found.push({ record, isActive: type === active });
      return found.sort((a, b) => timeOf(b.record) - timeOf(a.record));
    },
    async *followBuild(ref) {
      const call = client.open(`${control}/Status`, statusRequest, statusResponse);
      await call.send({ ref });
      call.end();
      yield* call.replies;
    },
    async removeRecord(ref) {
      await client.unary(`${control}/UpdateBuildHistory`, updateHistoryRequest, empty, { ref, delete: true });
    },
    close: () => client.close(),
  };
}

/** When it was begun, in milliseconds since the epoch. */
export function timeOf({ createdAt }: BuildRecord): number {
  return createdAt ? createdAt.seconds * 1000 + createdAt.nanos / 1e6 : 0;
}

import { Duplex } from "node:stream";
import type { bytesMessage } from "../buildkit/messages/control.ts";
import type { MessageOf } from "../buildkit/wire/message.ts";
import type { GrpcCall } from "../buildkit/wire/server.ts";
import { code, GrpcError } from "../buildkit/wire/status.ts";
import type { Sessions } from "./sessions.ts";

type Bytes = MessageOf<typeof bytesMessage>;

/** A session within a call: clients that build several targets open one for each directory that they share. */
export async function openTunnel(
  sessions: Sessions,
  requests: AsyncIterable<Bytes>,
  call: GrpcCall<Bytes>,
): Promise<void> {
  const header = (name: string) => String(call.headers[`x-docker-expose-session-${name}`] ?? "");
  const id = header("uuid");
  if (id === "") throw new GrpcError(code.invalidArgument, "the session has no id");
  const connection = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      call.send({ data: chunk }).then(() => done(), done);
    },
  });
  const methods = header("grpc-method").split(",");
  sessions.open(
    {
      id,
      sharedKey: header("sharedkey"),
      methods: new Set(methods.map((method) => method.trim().toLowerCase())),
    },
    connection,
  );
  try {
    for await (const { data } of requests) if (!connection.destroyed) connection.push(Buffer.from(data));
  } finally {
    connection.destroy();
  }
}

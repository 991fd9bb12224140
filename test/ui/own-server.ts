import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "../../src/client/client.ts";

/** A server in the test's own process, so that a test sees what it still holds. */
export interface OwnServer {
  server: Server;
  port: number;
  /** How many connections it has. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

export async function serve(server: Server, path?: string): Promise<OwnServer> {
  if (path === undefined) server.listen(0, "127.0.0.1");
  else server.listen(path);
  await once(server, "listening");
  return {
    server,
    port: path === undefined ? (server.address() as AddressInfo).port : 0,
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What stands in for an engine: it answers as badly as a test wants. */
export async function startFakeEngine(listener: RequestListener) {
  const folder = mkdtempSync(join(tmpdir(), "berth-fake-engine-"));
  const path = join(folder, "engine.sock");
  const served = await serve(createServer(listener), path);
  return {
    client: await createClient({ host: `unix://${path}` }),
    async close() {
      await served.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export interface RawClient {
  socket: Socket;
  received(): string;
}

/** A client that keeps its side open whatever the server does, and has sent these bytes. */
export async function connectRaw(port: number, bytes: string | Buffer): Promise<RawClient> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(bytes);
  return { socket, received: () => text };
}

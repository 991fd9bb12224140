import { once } from "node:events";
import { chmodSync, chownSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";

/** The client's SSH agent, as a step finds it. */
export interface AgentSocket {
  close(): void;
}

const mostConnections = 64;

/** @param path of the socket that is made @param connect asks the client for one more connection to its agent */
export async function openAgentSocket(
  path: string,
  { mode, uid, gid }: { mode: number; uid: number; gid: number },
  connect: () => Promise<Duplex>,
): Promise<AgentSocket> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (open.size >= mostConnections) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    connect().then(
      (agent) => {
        pipeline(socket, agent, () => {});
        pipeline(agent, socket, () => {});
      },
      () => socket.destroy(),
    );
  });
  // Such as too many descriptors: the step sees that its agent does not answer.
  server.on("error", () => {});
  server.maxConnections = mostConnections;
  server.listen(path);
  await once(server, "listening");
  chmodSync(path, mode);
  chownSync(path, uid, gid);
  return {
    close() {
      server.close();
      for (const socket of open) socket.destroy();
      rmSync(path, { force: true });
    },
  };
}

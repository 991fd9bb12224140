import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";

/** By which a plugin of Docker's knows when to end: it connects, and the connection ends. So it does when we are killed. */
export interface PluginSocket {
  /** For the plugin's environment. */
  address: string;
  /** @returns false for a plugin that has never connected */
  tell(): boolean;
  close(): void;
}

/** Opens one, in Linux's abstract namespace as Docker's. It keeps no process running. The caller closes it. */
export async function openPluginSocket(): Promise<PluginSocket> {
  const name = `docker_cli_${randomBytes(16).toString("hex")}`;
  const connections = new Set<Socket>();
  let isTold = false;
  const server = createServer((socket) => {
    connections.add(socket.unref().resume());
    socket.on("error", () => {}).on("close", () => connections.delete(socket));
  });
  server.listen(`\0${name}`).unref();
  await once(server, "listening");
  const close = () => {
    server.close();
    for (const socket of connections) socket.destroy();
  };
  return {
    address: `@${name}`,
    tell() {
      isTold ||= connections.size > 0;
      if (isTold) close();
      return isTold;
    },
    close,
  };
}

import type { Server } from "node:http";
import type { Socket } from "node:net";

/**
 * Closes connections of clients that neither send nor take anything for so long, in the middle of a request too. One that waits for an
 * answer which takes long (a big upload is hashed again) is not idle: it has sent all and has got nothing yet.
 */
export function letIdleGo(server: Server, idleSeconds: number): void {
  /** Connections whose requests have come in full and are not yet being answered. */
  const waiting = new WeakMap<Socket, () => boolean>();
  server.on("request", (input, output) => {
    waiting.set(input.socket, () => input.complete && !output.headersSent && !output.writableEnded);
  });
  server.setTimeout(idleSeconds * 1000, (socket) => {
    if (waiting.get(socket)?.()) socket.setTimeout(idleSeconds * 1000);
    else socket.destroy();
  });
}

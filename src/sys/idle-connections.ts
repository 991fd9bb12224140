import type { Server } from "node:http";
import type { Socket } from "node:net";

/**
 * Closes connections of clients that neither send nor take anything for so long, in the middle of a request too. One that waits for an
 * answer, or for more of one, is not idle: it has sent all, and has taken all that there is. (A big upload is hashed again; a log is
 * followed.) Connections that have been upgraded are no longer HTTP's, and are left alone.
 */
export function letIdleGo(server: Server, idleSeconds: number): void {
  /** Of connections whose requests have come: whether it is ours to go on. */
  const waiting = new WeakMap<Socket, () => boolean>();
  server.on("request", (input, output) => {
    const { socket } = input;
    const isTaken = () => output.writableLength === 0 && socket.writableLength === 0;
    waiting.set(socket, () => input.complete && !output.writableEnded && isTaken());
  });
  server.setTimeout(idleSeconds * 1000, (socket) => {
    if (waiting.get(socket)?.()) socket.setTimeout(idleSeconds * 1000);
    else socket.destroy();
  });
}

import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { watchHangUp } from "../sys/hang-up.ts";

/**
 * Closes a connection that has been taken over once its client is gone as a whole, also when its half was closed before the
 * handler listened. What it has sent still goes to its reader, if there is one.
 */
export function closeWithClient(socket: Socket, input: Readable): void {
  watchHangUp(socket, () => {
    const isBeingRead = input.readableLength > 0 && input.readableFlowing !== null && !input.readableEnded;
    if (isBeingRead) closeWithClient(socket, input);
    else socket.destroy();
  });
}

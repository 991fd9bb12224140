import type { Socket } from "node:net";
import { declare } from "./libc.ts";

const pollCall = declare("int poll(_Inout_ uint8_t *fds, ulong count, int timeout)");
const entryBytes = 8;
const revents = 6;
const POLLERR = 0x8;
const POLLHUP = 0x10;
const lookMilliseconds = 1000;

const watched = new Map<Socket, () => void>();
let timer: NodeJS.Timeout | undefined;

/**
 * Calls `onGone` once the other side of a connection is gone as a whole. For one that has ended its half: libuv does not tell
 * of more before something is written.
 */
export function watchHangUp(socket: Socket, onGone: () => void): void {
  if (socket.destroyed) return;
  watched.set(socket, onGone);
  socket.once("close", () => watched.delete(socket));
  timer ??= setInterval(look, lookMilliseconds).unref();
}

function look(): void {
  if (watched.size === 0) {
    clearInterval(timer);
    timer = undefined;
    return;
  }
  const sockets = [...watched.keys()];
  const list = Buffer.alloc(entryBytes * sockets.length);
  for (const [n, socket] of sockets.entries()) list.writeInt32LE(descriptorOf(socket), entryBytes * n);
  pollCall(list, sockets.length, 0);
  for (const [n, socket] of sockets.entries()) {
    if ((list.readInt16LE(entryBytes * n + revents) & (POLLHUP | POLLERR)) === 0) continue;
    const onGone = watched.get(socket);
    watched.delete(socket);
    onGone?.();
  }
}

/** -1, which poll(2) passes over, for a socket that has none. */
function descriptorOf(socket: Socket): number {
  return (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
}

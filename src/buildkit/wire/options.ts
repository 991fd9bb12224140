import type { Http2Session, SessionOptions } from "node:http2";
import type { Duplex } from "node:stream";

/** Of a stream and of a connection: what may be on its way without having been taken. */
const windowBytes = 4 * 1024 * 1024;

/** An error's details hold a whole Dockerfile, more than once encoded. */
export const sessionOptions: SessionOptions = {
  maxSendHeaderBlockLength: 16 * 1024 * 1024,
  settings: { initialWindowSize: windowBytes, maxConcurrentStreams: 250, maxFrameSize: 1024 * 1024 },
};

/** Has the session end with its connection, of which a client may close one half only, and widens its window. */
export function settleSession(session: Http2Session, socket: Duplex): void {
  const widen = () => {
    if (!session.destroyed) session.setLocalWindowSize(windowBytes);
  };
  if (session.connecting) session.once("connect", widen);
  else widen();
  // A Go client's last frame names a stream that never was; the connection ends with it anyway.
  session.on("error", () => {});
  socket.on("error", () => {});
  socket.once("end", () => socket.destroy());
  socket.once("close", () => session.destroy());
}

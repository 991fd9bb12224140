import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect as connectStream, isIP, type NetConnectOpts, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { hasCode, unavailable } from "../../errors.ts";
import { connectUnixDatagram } from "../../sys/unix-datagram.ts";
import { createLoss } from "./loss.ts";
import type { LogRemote } from "./remote.ts";

/** What bytes go through, whatever they mean. */
export interface LogConnection extends Omit<LogRemote, "send"> {
  write(bytes: Buffer | string): Promise<void>;
}

/**
 * Writes a message in the first of its forms that is not too large for one datagram, if there is one.
 * @param onCut called when the first is
 */
export async function writeFitting(
  connection: LogConnection,
  forms: readonly (() => Buffer | string)[],
  onCut: () => void,
): Promise<void> {
  for (const [index, form] of forms.entries()) {
    try {
      return await connection.write(form());
    } catch (error) {
      if (!hasCode(error, "EMSGSIZE")) throw error;
      if (index === 0) onCut();
    }
  }
}

const connectTimeoutMilliseconds = 10_000;
const keepAliveMilliseconds = 30_000;
const closed = () => unavailable("the connection to the log server is closed");

/** Its certificate is to be the target's, by name or by address; only a name may be said in the handshake (RFC 6066, section 3). */
function connectEncrypted(target: NetConnectOpts, options: ConnectionOptions): Socket {
  const host = "host" in target ? target.host : undefined;
  const name = host !== undefined && isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ ...target, ...name, ...options });
}

/** @param onData what the other side says; it is dropped without */
export async function openStream(
  target: NetConnectOpts,
  tls: ConnectionOptions | undefined,
  onData: (bytes: Buffer) => void = () => {},
): Promise<LogConnection> {
  const limit = AbortSignal.timeout(connectTimeoutMilliseconds);
  const socket = tls ? connectEncrypted(target, tls) : connectStream(target);
  try {
    await once(socket, tls ? "secureConnect" : "connect", { signal: limit });
  } catch (error) {
    socket.on("error", () => {});
    socket.destroy();
    throw limit.aborted ? unavailable("i/o timeout", error) : error;
  }
  socket.setKeepAlive(true, keepAliveMilliseconds);
  socket.on("data", onData);
  return streamOver(socket);
}

function streamOver(socket: Socket): LogConnection {
  const loss = createLoss();
  socket.on("error", loss.fail);
  // Whether it reads on is not known, so that what was sent last is sent again to the next.
  socket.on("end", () => socket.destroy());
  socket.on("close", () => loss.fail(closed()));
  return {
    write: (bytes) =>
      loss.guard((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    onLost: loss.onLost,
    end: () => loss.guard((resolve) => void socket.end(resolve)),
    close: () => void socket.destroy(),
  };
}

/** UDP: what the machine at the other end says of a closed port is a loss too. @throws when the name is unknown or leads nowhere */
export async function openDatagrams(host: string, port: number): Promise<LogConnection> {
  // A socket is of one family, and which one a name has is only known then.
  const { address, family } = await lookup(host, { order: "ipv4first" });
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  const loss = createLoss();
  socket.on("error", loss.fail);
  loss.onLost(() => socket.close());
  // Node calls it for a failure as well, with the error.
  const onConnect = (resolve: () => void) => (error?: Error) => (error ? loss.fail(error) : resolve());
  await loss.guard((resolve) => void socket.connect(port, address, onConnect(resolve)));
  return {
    write: (bytes) =>
      loss.guard((resolve, reject) => socket.send(bytes, (error) => (error ? reject(error) : resolve()))),
    onLost: loss.onLost,
    end: async () => {},
    close: () => loss.fail(closed()),
  };
}

const longestPauseMilliseconds = 50;

/** A path that takes datagrams. While its reader is behind, it is asked again and again. @throws SyscallError */
export function openPathDatagrams(path: string): LogConnection {
  const socket = connectUnixDatagram(path);
  const loss = createLoss();
  loss.onLost(socket.close);
  const attempt = (message: Buffer, pause: number, resolve: () => void, reject: (error: Error) => void) => {
    if (loss.error) return;
    try {
      if (socket.send(message)) return resolve();
      const longer = Math.min(pause * 2, longestPauseMilliseconds);
      setTimeout(attempt, pause, message, longer, resolve, reject);
    } catch (error) {
      reject(error as Error);
    }
  };
  return {
    write: (bytes) => loss.guard((resolve, reject) => attempt(Buffer.from(bytes), 1, resolve, reject)),
    onLost: loss.onLost,
    end: async () => {},
    close: () => loss.fail(closed()),
  };
}

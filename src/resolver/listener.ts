import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { closeSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "../errors.ts";
import { type NameSockets, resolverAddress, resolverPort } from "../supervisor-protocol/names.ts";
import { openNetnsSocket } from "../sys/netns-socket.ts";
import type { DnsTransport } from "./ask-server.ts";
import { createMessageReader, frameMessage } from "./frames.ts";

/** Answers a query, at once when it can; undefined for no answer. Never throws. */
type Respond = (query: Buffer, transport: DnsTransport) => Buffer | undefined | Promise<Buffer>;

/** Where a container's queries come in. */
export interface Listener {
  close(): void;
}

const idleMilliseconds = 10_000;
const mostConnections = 64;
/** Queries of one connection under way at once; the next ones wait in the kernel. */
const mostPipelined = 16;
const bindTries = 50;

/** Opens the sockets in a namespace. @throws SyscallError EADDRINUSE when a process there has taken the port */
export async function openSockets(netns: number): Promise<NameSockets> {
  const udp = await bindSoon(netns, "udp");
  try {
    return { udp, tcp: await bindSoon(netns, "tcp") };
  } catch (error) {
    closeSync(udp);
    throw error;
  }
}

/** Answers what comes in at these sockets, which it closes. */
export async function openListener(sockets: NameSockets, respond: Respond): Promise<Listener> {
  const udp = await listenUdp(sockets.udp, respond);
  try {
    const tcp = await listenTcp(sockets.tcp, respond);
    return {
      close() {
        udp.close();
        tcp.close();
      },
    };
  } catch (error) {
    udp.close();
    throw error;
  }
}

/** The resolver before this one may be about to end. */
async function bindSoon(netns: number, protocol: DnsTransport): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return openNetnsSocket(netns, {
        protocol,
        family: 4,
        local: { address: resolverAddress, port: resolverPort },
      });
    } catch (error) {
      if (!hasCode(error, "EADDRINUSE") || tries === bindTries) throw error;
      await sleep(20);
    }
  }
}

function listenUdp(fd: number, respond: Respond): Promise<UdpSocket> {
  // Clients have addresses: there is no name to look up, and nothing to wait for.
  const socket = createSocket({ type: "udp4", lookup: (address, _, done) => done(null, address, 4) });
  let isOpen = true;
  socket.once("close", () => {
    isOpen = false;
  });
  // A client that has gone is no error.
  socket.on("error", () => {});
  socket.on("message", (query, { address: client, port }) => {
    // From a raw socket: no answer can be sent to port 0.
    if (port === 0) return;
    const answer = respond(query, "udp");
    if (answer instanceof Promise) void answer.then((bytes) => isOpen && socket.send(bytes, port, client));
    else if (answer) socket.send(answer, port, client);
  });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ fd }, () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

function listenTcp(fd: number, respond: Respond): Promise<{ close(): void }> {
  const connections = new Set<Socket>();
  const server: Server = createServer((socket) => {
    if (connections.size === mostConnections) return socket.destroy();
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    serveConnection(socket, respond);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ fd }, () => {
      server.off("error", reject).on("error", () => {});
      resolve({
        close() {
          server.close();
          for (const socket of connections) socket.destroy();
        },
      });
    });
  });
}

function serveConnection(socket: Socket, respond: Respond): void {
  /** The rest of a chunk, which may hold thousands of queries; `next` is the first of them that waits. */
  let waiting: Buffer[] = [];
  let next = 0;
  let underWay = 0;
  let isDue = false;
  // The queries of a client that does not read its answers wait too.
  const isFull = () => underWay === mostPipelined || socket.writableNeedDrain;

  function goOn(): void {
    isDue = false;
    while (next < waiting.length && !isFull()) void answer(waiting[next++] as Buffer);
    if (next === waiting.length) {
      waiting = [];
      next = 0;
    }
    if (isFull() || waiting.length > 0) socket.pause();
    else socket.resume();
  }
  async function answer(query: Buffer): Promise<void> {
    underWay++;
    const bytes = await respond(query, "tcp");
    underWay--;
    if (bytes && socket.writable) socket.write(frameMessage(bytes));
    // What can be answered at once must not keep other clients waiting until all of it is.
    if (!isDue && !socket.destroyed) {
      isDue = true;
      setImmediate(goOn);
    }
  }

  const read = createMessageReader((query) => void waiting.push(query));
  socket
    .on("error", () => {})
    .on("drain", goOn)
    .once("close", () => {
      waiting = [];
      next = 0;
    })
    .setTimeout(idleMilliseconds, () => socket.destroy())
    .on("data", (chunk: Buffer) => {
      read(chunk);
      goOn();
    });
}

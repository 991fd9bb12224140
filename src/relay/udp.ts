import { createSocket, type Socket } from "node:dgram";
import type { BindPlace, RelayedPort, RelayTarget } from "./port.ts";

/** A client that has been silent as long, in both directions, begins again. */
const idleMilliseconds = 90_000;
const mostClients = 1024;

interface Client {
  socket: Socket;
  idle: NodeJS.Timeout;
}

/** Carries packets on, each client's from a socket of its own, and the answers back. @throws Error EADDRINUSE, … */
export function listenUdp(place: BindPlace, target: RelayTarget): Promise<RelayedPort> {
  /** The longest unheard of first. */
  const clients = new Map<string, Client>();
  const port: RelayedPort = { target, close };
  const server = createServerSocket();

  function forget(key: string): void {
    const client = clients.get(key);
    clients.delete(key);
    clearTimeout(client?.idle);
    client?.socket.close();
  }

  function open(key: string, address: string, number: number): Client {
    const [quietest] = clients.keys();
    if (clients.size >= mostClients && quietest !== undefined) forget(quietest);
    const to = port.target;
    const socket = createSocket(to.address.includes(":") ? "udp6" : "udp4");
    const client = { socket, idle: setTimeout(forget, idleMilliseconds, key).unref() };
    socket.on("error", () => {});
    socket.on("message", (packet) => {
      renew(key, client);
      server.send(packet, number, address);
    });
    socket.connect(to.port, to.address);
    clients.set(key, client);
    return client;
  }

  function renew(key: string, client: Client): void {
    client.idle.refresh();
    if (clients.delete(key)) clients.set(key, client);
  }

  function close(): Promise<void> {
    for (const key of clients.keys()) forget(key);
    return new Promise((resolve) => server.close(() => resolve()));
  }

  server.on("message", (packet, { address, port: number }) => {
    // From a raw socket: no answer can be sent to port 0.
    if (number === 0) return;
    const key = `${address} ${number} ${port.target.address} ${port.target.port}`;
    const client = clients.get(key) ?? open(key, address, number);
    renew(key, client);
    if (isConnected(client.socket)) client.socket.send(packet);
    else client.socket.once("connect", () => client.socket.send(packet));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.bind("fd" in place ? place : { address: place.address, port: place.port }, () => {
      // A client or container that is gone is no error.
      server.off("error", reject).on("error", () => {});
      resolve(port);
    });
  });
}

// Clients have addresses: there is no name to look up, and nothing to wait for.
const createServerSocket = () =>
  createSocket({ type: "udp6", ipv6Only: true, lookup: (address, _, done) => done(null, address, 6) });

function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress();
    return true;
  } catch {
    return false;
  }
}

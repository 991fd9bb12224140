import { connect, createServer, type Socket } from "node:net";
import type { BindPlace, RelayedPort, RelayTarget } from "./port.ts";

/** A client that is gone without a word is noticed, as by Docker's proxy: its connections would stay for ever. */
const keepAlive = { keepAlive: true, keepAliveInitialDelay: 15_000 };
const options = { allowHalfOpen: true, noDelay: true, ...keepAlive };

/** Carries connections on, each with its end in either direction. @throws Error EADDRINUSE, … */
export function listenTcp(place: BindPlace, target: RelayTarget): Promise<RelayedPort> {
  const connections = new Set<Socket>();
  const port: RelayedPort = { target, close };
  const keep = (socket: Socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  };
  const server = createServer(options, (client) => {
    const { address: host, port: number } = port.target;
    const container = connect({ host, port: number, ...options });
    keep(client);
    keep(container);
    join(client, container);
  });

  function close(): Promise<void> {
    for (const socket of connections) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  }

  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const where = "fd" in place ? place : { host: place.address, port: place.port, ipv6Only: true };
    server.listen(where, () => {
      // One connection that cannot be taken is no reason to end the others.
      server.off("error", reject).on("error", () => {});
      resolve(port);
    });
  });
}

/** What one says, the other hears; when one breaks off, so does the other. */
function join(client: Socket, container: Socket): void {
  for (const [from, to] of [
    [client, container],
    [container, client],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.resetAndDestroy());
    from.once("close", (hasFailed) => {
      if (hasFailed) to.destroy();
    });
  }
}

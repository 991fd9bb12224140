import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { createApiListeners } from "../api/server.ts";
import { type Client as ClientType, createClient } from "../client/client.ts";
import type { Engine } from "../engine/engine.ts";

export type { EngineConfig } from "../engine/config.ts";
export { createEngine, type Engine } from "../engine/engine.ts";

export type Client = ClientType;

/** Clients of the Docker Engine API: of an engine behind a socket, or of one in this process. */
export const Client = {
  /** Connects to a daemon, ours or Docker's: `unix:///run/berth/berth.sock` unless `host` says otherwise. */
  connect: createClient,
  /** A client of an engine in this process. `close` ends the private socket between the two; the engine goes on. */
  async of(engine: Engine): Promise<Client & { close(): Promise<void> }> {
    const path = join(engine.config.execRoot, `embedded-${process.pid}-${count++}.sock`);
    const { request, upgrade } = createApiListeners(engine);
    const server: Server = createServer(request).on("upgrade", upgrade);
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
    const close = () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    return { ...(await createClient({ host: `unix://${path}` })), close };
  },
};

let count = 0;

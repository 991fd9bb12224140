import { rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { createApiListeners, createApiServer, serveApi } from "../api/server.ts";
import { type Client, createClient } from "../client/client.ts";
import type { EngineConfig } from "../engine/config.ts";
import { openEngine } from "../engine/engine.ts";
import { listenPrivately } from "../sys/listen.ts";

export { ApiError } from "../client/api-error.ts";
export { type Client, type ClientOptions, createClient as connect } from "../client/client.ts";
export type { EngineConfig } from "../engine/config.ts";

/** A container engine in this process, with the operations of the Docker Engine API on it. */
export interface Engine extends Client {
  readonly config: EngineConfig;
  /**
   * Takes over what is new in a configuration without a restart. What is not given stays as it is.
   * @throws EngineError invalid; then nothing has changed
   */
  reload(given: Partial<EngineConfig>): void;
  /**
   * Ends the engine in this process. Containers run on in the care of the supervisor, and the next engine on the same roots
   * finds them again. With `stopContainers` they are stopped first, and the supervisor, bridges and rules go as well.
   * Called again, it waits for the end that is under way, which stays as it was asked for first.
   * @throws what the first step that failed has thrown; all others are taken, and the data root is free
   */
  close(options?: { stopContainers?: boolean }): Promise<void>;
}

/**
 * Opens an engine on its data root and run-time folder, makes its network, and finds what runs. The caller closes it.
 * @throws EngineError conflict when another engine uses the same data root, invalid for a configuration that cannot be
 */
export async function createEngine(given: Partial<EngineConfig> = {}): Promise<Engine> {
  const engine = await openEngine(given);
  // The API is the one way in: what is checked for clients elsewhere is checked for this program too.
  const path = join(engine.config.execRoot, `embedded-${process.pid}-${count++}.sock`);
  const server = createApiServer();
  serveApi(server, createApiListeners(engine));
  // Those that were upgraded are no longer the server's.
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const closeServer = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  let client: Client;
  try {
    // Of a process that was killed and had the same number: the data root's lock says that it is gone.
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      listenPrivately(server, path, 0o600, resolve);
    });
    client = await createClient({ host: `unix://${path}` });
  } catch (error) {
    closeServer();
    // What the caller is to know is why there is no engine.
    await engine.close().catch(() => {});
    throw error;
  }
  return {
    ...client,
    config: engine.config,
    reload: (changed) => engine.reload({ ...engine.config, ...changed }),
    close: (options) => engine.close(options).finally(closeServer),
  };
}

let count = 0;

import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createLogger } from "../logger.ts";
import { letIdleGo } from "../sys/idle-connections.ts";
import { type CheckPassword, createBasicAuthentication } from "./authenticate.ts";
import { createBlobs } from "./blobs.ts";
import type { Rooms } from "./call.ts";
import { mirroredKey } from "./layout.ts";
import { listTags } from "./lists.ts";
import { createManifestReader } from "./manifest-reader.ts";
import { createManifests } from "./manifests.ts";
import { createMirror } from "./mirror.ts";
import { type CacheLimits, createMirrorCache } from "./mirror-cache.ts";
import { createRequestListener } from "./server.ts";
import type { Storage } from "./storage.ts";
import { createUploadSweep } from "./upload-sweep.ts";
import { createUploads } from "./uploads.ts";
import type { Upstream } from "./upstream.ts";

export interface RegistryConfig {
  storage: Storage;
  /** As `createLogger` has it; "info" when left out. */
  logLevel?: string;
  /** PEM. */
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** Left out where every client may do everything. */
  checkPassword?: CheckPassword;
  /** Makes this a mirror. The caller closes it. */
  upstream?: Upstream;
  /** How much of it is kept, and for how long; a week when left out. */
  limits?: CacheLimits;
  /** How long a client may neither send nor take anything. */
  idleSeconds?: number;
}

const defaultLimits: CacheLimits = { lifeMilliseconds: 7 * 24 * 3600_000, mostBytes: undefined };

/** A registry as the OCI distribution specification has it, which is also Docker's Registry HTTP API V2. */
export interface Registry {
  /** @returns the port, for one that was asked to be any (0). @throws as `listen` of node:net */
  listen(address: { host: string; port: number }): Promise<number>;
  /** For new connections. */
  setCertificate(tls: { cert: string | Buffer; key: string | Buffer }): void;
  /** Ends connections, those in use after `graceSeconds`. */
  close(graceSeconds?: number): Promise<void>;
}

export function createRegistry(config: RegistryConfig): Registry {
  const { storage, tls, checkPassword, idleSeconds = 60 } = config;
  const logger = createLogger(config.logLevel ?? "info");
  const blobs = createBlobs(storage);
  const reader = createManifestReader();
  const uploads = createUploads(storage, blobs);
  const manifests = createManifests(storage, blobs, reader.read);
  const authenticate = checkPassword && createBasicAuthentication(checkPassword);
  const own: Rooms = {
    storage,
    blobs,
    uploads,
    manifests,
    listTags: (name) => listTags(storage, name),
  };
  const sweep = createUploadSweep(storage, logger);
  const { upstream, limits = defaultLimits } = config;
  const cache = upstream && createMirrorCache(own, limits, logger);
  const rooms = upstream && cache ? createMirror(own, upstream, cache, logger) : own;
  const listener = createRequestListener({ rooms, logger, authenticate });
  const server: Server = tls ? createTlsServer(tls, listener) : createServer(listener);
  // A layer takes as long as it takes.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 60_000;
  letIdleGo(server, idleSeconds);
  return {
    async listen({ host, port }) {
      if (upstream && cache) await cache.open(upstream.origin);
      // From now on there may be what was pushed.
      else if (await storage.find(mirroredKey)) await storage.remove(mirroredKey);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen(port, host, resolve);
      });
      sweep.begin();
      return (server.address() as AddressInfo).port;
    },
    setCertificate(renewed) {
      if ("setSecureContext" in server)
        (server as ReturnType<typeof createTlsServer>).setSecureContext(renewed);
    },
    async close(graceSeconds = 0) {
      const timer = setTimeout(() => server.closeAllConnections(), graceSeconds * 1000);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closed;
      clearTimeout(timer);
      await Promise.all([cache?.close(), sweep.close()]);
      await reader.close();
    },
  };
}

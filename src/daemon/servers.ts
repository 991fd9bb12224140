import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { dirname } from "node:path";
import { createApiListeners, createApiServer, serveApi } from "../api/server.ts";
import { guardSite } from "../api/site.ts";
import type { OpenEngine } from "../engine/engine.ts";
import { EngineError } from "../errors.ts";
import { listenPrivately } from "../sys/listen.ts";
import { openFilesLimit } from "../sys/process.ts";
import type { DaemonFlags } from "./flags.ts";
import type { Host } from "./hosts.ts";

/**
 * Serves the engine's API on all sockets, and notes those that are open to others.
 * @param hosts settled: what systemd has handed over is known
 */
export function openServers(
  engine: OpenEngine,
  flags: DaemonFlags,
  hosts: readonly Host[],
): Promise<Server[]> {
  const open = createApiListeners(engine);
  const names = hosts.flatMap((host) => (host.kind === "tcp" ? [host.address] : []));
  const guarded = guardSite(open, names);
  const connectionsPerPort = Math.max(1, Math.floor(openFilesLimit() / 2 / names.length));
  return Promise.all(
    hosts.map(async (host) => {
      const tls = host.kind === "tcp" && flags.tls;
      const server = createApiServer(tls ? readCertificates(flags) : undefined);
      // Any client that reaches the port can hold connections, so some descriptors are left for the unix socket and for containers.
      if (host.kind === "tcp") server.maxConnections = connectionsPerPort;
      const text = await listen(server, host);
      // No connection is accepted before this turn ends.
      serveApi(server, host.kind === "tcp" && !flags.tlsVerify ? guarded : open);
      const warning = warnOfAccess({ ...host, text }, flags);
      if (warning) {
        engine.warnings.push(warning);
        engine.logger.warn(warning);
      }
      engine.logger.info({ host: text }, "listening");
      return server;
    }),
  );
}

/** What an unprotected socket means; undefined for one that only root, a group or holders of certificates can use. */
function warnOfAccess(host: Host, { tls, tlsVerify }: DaemonFlags): string | undefined {
  if (host.kind !== "tcp" || tlsVerify) return undefined;
  const how = tls ? "without TLS client verification" : "without encryption";
  const address = `${tls ? "https" : "http"}://${host.text.slice("tcp://".length)}`;
  return (
    `WARNING: API is accessible on ${address} ${how}.\n` +
    "         Access to it is equivalent to root access on this machine: protect it with --tlsverify, or use ssh."
  );
}

/** @returns the host as clients can name it: with the port that the kernel chose where any would do (0) */
async function listen(server: Server, host: Host): Promise<string> {
  if (host.kind === "unix") await freeSocket(host.path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (host.kind === "unix") listenPrivately(server, host.path, 0o660, resolve);
    else if (host.kind === "fd") server.listen({ fd: host.fd }, resolve);
    else if (host.fd !== undefined) server.listen({ fd: host.fd }, resolve);
    else server.listen(host.port, host.address, resolve);
  });
  if (host.kind === "fd") return host.text;
  if (host.kind === "tcp") return host.text.replace(/\d+$/, String((server.address() as AddressInfo).port));
  const group = findGroup("berth");
  if (group !== undefined) chownSync(host.path, 0, group);
  return host.text;
}

/** Removes a stale socket. @throws EngineError conflict when another daemon listens on it */
async function freeSocket(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const inUse = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
  if (inUse)
    throw new EngineError(
      "conflict",
      `another daemon listens on ${path}: stop it, or choose another with --host`,
    );
  rmSync(path, { force: true });
}

/** A machine without that file has no groups of names: the socket then is root's alone. */
function findGroup(name: string): number | undefined {
  if (!existsSync("/etc/group")) return undefined;
  const line = readFileSync("/etc/group", "utf8")
    .split("\n")
    .find((one) => one.startsWith(`${name}:`));
  return line === undefined ? undefined : Number(line.split(":")[2]);
}

function readCertificates({ tlsVerify, tlsCaCert, tlsCert, tlsKey }: DaemonFlags) {
  return {
    cert: readFileSync(tlsCert),
    key: readFileSync(tlsKey),
    ...(tlsVerify && { ca: readFileSync(tlsCaCert), requestCert: true, rejectUnauthorized: true }),
  };
}

import { chownSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { dirname } from "node:path";
import { createApiListeners, serveApi } from "../api/server.ts";
import { guardSite } from "../api/site.ts";
import { completeEngineConfig } from "../engine/config.ts";
import { createEngine } from "../engine/engine.ts";
import { EngineError, messageOf } from "../errors.ts";
import { watchEventLoop } from "../sys/event-loop-stops.ts";
import { listenPrivately } from "../sys/listen.ts";
import { exitNow, openFilesLimit } from "../sys/process.ts";
import { trimMemoryAtRest } from "../sys/trim-memory.ts";
import { type DaemonFlags, type Host, helpText, parseDaemonFlags } from "./flags.ts";

/**
 * `berth daemon`: the engine behind its sockets, in the foreground, until SIGTERM or SIGINT, which leave containers running, or SIGUSR2,
 * which stops them and takes supervisor, bridge and rules away. SIGHUP has it read its configuration again.
 */
async function main(): Promise<void> {
  const flags = parseDaemonFlags(process.argv.slice(2));
  if (flags.help) {
    process.stdout.write(helpText);
    return;
  }
  if (flags.validate) {
    completeEngineConfig(flags.engine);
    process.stderr.write("configuration OK\n");
    return;
  }
  process.title = `berth-daemon ${flags.engine.execRoot ?? ""}`.trim();
  const engine = await createEngine(flags.engine);
  watchEventLoop((stops) => engine.logger.warn(stops));
  trimMemoryAtRest();
  const open = createApiListeners(engine);
  const names = flags.hosts.flatMap((host) => (host.kind === "tcp" ? [host.address] : []));
  const guarded = guardSite(open, names);
  const connectionsPerPort = Math.max(1, Math.floor(openFilesLimit() / 2 / names.length));
  const servers = await Promise.all(
    flags.hosts.map(async (host) => {
      const tls = host.kind === "tcp" && flags.tls;
      const server: Server = tls
        ? createTlsServer({ ...readCertificates(flags), ...keepAlive })
        : createServer(keepAlive);
      serveApi(server, host.kind === "tcp" && !flags.tlsVerify ? guarded : open);
      server.requestTimeout = 0;
      // Any client that reaches the port can hold connections, so some descriptors are left for the unix socket and for containers.
      if (host.kind === "tcp") server.maxConnections = connectionsPerPort;
      const text = await listen(server, host);
      const warning = warnOfAccess({ ...host, text }, flags);
      if (warning) {
        engine.warnings.push(warning);
        engine.logger.warn(warning);
      }
      engine.logger.info({ host: text }, "listening");
      return server;
    }),
  );
  const shutDown = async (stopContainers: boolean) => {
    engine.logger.info(
      stopContainers ? "shutting down with all containers" : "shutting down; containers run on",
    );
    // The sockets answer to the end, so that clients that wait for it know when it has come.
    for (const server of servers) {
      server.removeAllListeners("request").removeAllListeners("upgrade").on("request", refuse);
      server.closeAllConnections();
    }
    await engine.close({ stopContainers });
    // Not Node's own way, which waits for threads that sleep in the kernel.
    exitNow(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void shutDown(false));
  process.once("SIGUSR2", () => void shutDown(true));
  process.on("SIGHUP", () => {
    try {
      engine.reload(parseDaemonFlags(process.argv.slice(2)).engine);
    } catch (error) {
      engine.logger.error({ error: messageOf(error) }, "the configuration was not reloaded");
    }
  });
  engine.onStopRequest = ({ stopContainers }) => void shutDown(stopContainers);
  process.on("SIGPIPE", () => {});
  process.on("unhandledRejection", (error) => engine.logger.error({ error }, "unhandled rejection"));
}

/** What an unprotected socket means; undefined for one that only root, a group or holders of certificates can use. */
function warnOfAccess(host: Host, { tls, tlsVerify }: DaemonFlags): string | undefined {
  if (host.kind === "unix" || tlsVerify) return undefined;
  const how = tls ? "without TLS client verification" : "without encryption";
  const address = `${tls ? "https" : "http"}://${host.text.slice("tcp://".length)}`;
  return (
    `WARNING: API is accessible on ${address} ${how}.\n` +
    "         Access to it is equivalent to root access on this machine: protect it with --tlsverify, or use ssh."
  );
}

/** So that a client whose machine has gone is noticed. */
const keepAlive = { keepAlive: true, keepAliveInitialDelay: 15_000 };

const refuse: RequestListener = (_, output) => {
  output.writeHead(503, { "Content-Type": "application/json", Connection: "close" });
  output.end(JSON.stringify({ message: "the engine is stopping" }));
};

/** @returns the host as clients can name it: with the port that the kernel chose where any would do (0) */
async function listen(server: Server, host: Host): Promise<string> {
  if (host.kind === "unix") await freeSocket(host.path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (host.kind === "unix") listenPrivately(server, host.path, 0o660, resolve);
    else server.listen(host.port, host.address, resolve);
  });
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

function findGroup(name: string): number | undefined {
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

main().catch((error: unknown) => {
  process.stderr.write(`berth daemon: ${error instanceof EngineError ? error.message : messageOf(error)}\n`);
  if (!(error instanceof EngineError) && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});

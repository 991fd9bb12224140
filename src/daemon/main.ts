import { chownSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect } from "node:net";
import { dirname } from "node:path";
import { createApiListeners } from "../api/server.ts";
import { createEngine } from "../engine/engine.ts";
import { EngineError, messageOf } from "../errors.ts";
import { watchEventLoop } from "../sys/event-loop-stops.ts";
import { listenPrivately } from "../sys/listen.ts";
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
  process.title = `berth-daemon ${flags.engine.execRoot ?? ""}`.trim();
  const engine = await createEngine(flags.engine);
  watchEventLoop((stops) => engine.logger.warn(stops));
  const { request, upgrade } = createApiListeners(engine);
  const servers = await Promise.all(
    flags.hosts.map(async (host) => {
      const tls = host.kind === "tcp" && flags.tls;
      const server = (tls ? createTlsServer(readCertificates(flags), request) : createServer(request)).on(
        "upgrade",
        upgrade,
      );
      server.requestTimeout = 0;
      await listen(server, host);
      engine.logger.info({ host: host.text }, "listening");
      return server;
    }),
  );
  const shutDown = async (stopContainers: boolean) => {
    engine.logger.info(
      stopContainers ? "shutting down with all containers" : "shutting down; containers run on",
    );
    // The sockets answer to the end, so that whoever waits for it knows when it has come.
    for (const server of servers) {
      server.off("request", request).off("upgrade", upgrade).on("request", refuse);
      server.closeAllConnections();
    }
    await engine.close({ stopContainers });
    process.exit(0);
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

const refuse: RequestListener = (_, output) => {
  output.writeHead(503, { "Content-Type": "application/json", Connection: "close" });
  output.end(JSON.stringify({ message: "the engine is stopping" }));
};

async function listen(server: Server, host: Host): Promise<void> {
  if (host.kind === "unix") await freeSocket(host.path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (host.kind === "unix") listenPrivately(server, host.path, 0o660, resolve);
    else server.listen(host.port, host.address, resolve);
  });
  if (host.kind !== "unix") return;
  const group = findGroup("berth");
  if (group !== undefined) chownSync(host.path, 0, group);
}

/** Removes a socket that nobody listens on any more. @throws EngineError conflict when somebody does */
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

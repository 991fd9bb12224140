import type { RequestListener } from "node:http";
import { isDeepStrictEqual } from "node:util";
import { completeEngineConfig } from "../engine/config.ts";
import { openEngine } from "../engine/engine.ts";
import { checkRemap } from "../engine/userns-remap.ts";
import { EngineError, messageOf } from "../errors.ts";
import { watchEventLoop } from "../sys/event-loop-stops.ts";
import { createNotifier, takeListeningSockets } from "../sys/inherited.ts";
import { exitNow } from "../sys/process.ts";
import { trimMemoryAtRest } from "../sys/trim-memory.ts";
import { helpText } from "./flag-table.ts";
import { type DaemonFlags, parseDaemonFlags } from "./flags.ts";
import { serveMetrics } from "./metrics.ts";
import { openServers } from "./servers.ts";
import { openDaemonUi } from "./ui.ts";

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
    await checkRemap(completeEngineConfig(flags.engine).usernsRemap);
    process.stderr.write("configuration OK\n");
    return;
  }
  process.title = `berth-daemon ${flags.engine.execRoot ?? ""}`.trim();
  // Before there is any process of ours that could have them, too.
  const activated = takeListeningSockets(process.env);
  const notify = createNotifier(process.env);
  const engine = await openEngine(flags.engine);
  watchEventLoop((stops) => engine.logger.warn(stops));
  trimMemoryAtRest();
  const servers = await openServers(engine, flags, activated);
  const page = await openDaemonUi(engine, flags);
  if (flags.metrics) servers.push(await serveMetrics(engine, flags.metrics));
  const shutDown = async (stopContainers: boolean) => {
    engine.logger.info(
      stopContainers ? "shutting down with all containers" : "shutting down; containers run on",
    );
    notify("STOPPING=1");
    page?.close();
    // The sockets answer to the end, so that clients that wait for it know when it has come.
    for (const server of servers) {
      server.removeAllListeners("request").removeAllListeners("upgrade").on("request", refuse);
      server.closeAllConnections();
    }
    const code = await engine.close({ stopContainers }).then(
      () => 0,
      (error: unknown) => {
        engine.logger.error({ error }, "the engine could not be closed in order");
        return 1;
      },
    );
    // Not Node's own way, which waits for threads that sleep in the kernel.
    exitNow(code);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void shutDown(false));
  process.once("SIGUSR2", () => void shutDown(true));
  process.on("SIGHUP", () => {
    try {
      const next = parseDaemonFlags(process.argv.slice(2));
      engine.reload(next.engine, listChanged(flags, next));
    } catch (error) {
      engine.logger.error({ error: messageOf(error) }, "the configuration was not reloaded");
    }
  });
  engine.onStopRequest = ({ stopContainers }) => void shutDown(stopContainers);
  notify("READY=1");
  process.on("SIGPIPE", () => {});
  process.on("unhandledRejection", (error) => engine.logger.error({ error }, "unhandled rejection"));
}

/** Keys of the daemon's own settings that have changed since the start. */
function listChanged(flags: DaemonFlags, next: DaemonFlags): string[] {
  const keys: [key: string, member: keyof DaemonFlags][] = [
    ["hosts", "hosts"],
    ["metrics-addr", "metrics"],
    ["tls", "tls"],
    ["tlscacert", "tlsCaCert"],
    ["tlscert", "tlsCert"],
    ["tlskey", "tlsKey"],
    ["tlsverify", "tlsVerify"],
    ["ui", "ui"],
  ];
  return keys.flatMap(([key, member]) => (isDeepStrictEqual(flags[member], next[member]) ? [] : [key]));
}

const refuse: RequestListener = (_, output) => {
  output.writeHead(503, { "Content-Type": "application/json", Connection: "close" });
  output.end(JSON.stringify({ message: "the engine is stopping" }));
};

main().catch((error: unknown) => {
  process.stderr.write(`berth daemon: ${error instanceof EngineError ? error.message : messageOf(error)}\n`);
  if (!(error instanceof EngineError) && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});

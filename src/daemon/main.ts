import { isDeepStrictEqual } from "node:util";
import { completeEngineConfig } from "../engine/config.ts";
import { openEngine } from "../engine/engine.ts";
import { checkRemap } from "../engine/userns-remap.ts";
import { EngineError, messageOf } from "../errors.ts";
import { watchEventLoop } from "../sys/event-loop-stops.ts";
import { createNotifier, takeListeningSockets } from "../sys/inherited.ts";
import { trimMemoryAtRest } from "../sys/trim-memory.ts";
import { createDaemonEnd } from "./end.ts";
import { helpText } from "./flag-table.ts";
import { type DaemonFlags, parseDaemonFlags } from "./flags.ts";
import { settleHosts } from "./hosts.ts";
import { serveMetrics } from "./metrics.ts";
import { openServers } from "./servers.ts";
import { openDaemonUi } from "./ui.ts";

/**
 * `berth daemon`: the engine behind its sockets, in the foreground, until SIGTERM or SIGINT, which leave containers running, or SIGUSR2,
 * which stops them and takes supervisor, bridge and rules away. SIGHUP has it read its configuration again.
 */
async function main(): Promise<void> {
  // What is made from archives, checkouts and contexts has the modes that are meant, whatever the shell's mask is.
  process.umask(0o022);
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
  const hosts = settleHosts(flags, takeListeningSockets(process.env));
  const notify = createNotifier(process.env);
  const engine = await openEngine(flags.engine);
  watchEventLoop((stops) => engine.logger.warn(stops));
  trimMemoryAtRest();
  const servers = await openServers(engine, flags, hosts);
  const page = await openDaemonUi(engine, flags);
  if (flags.metrics) servers.push(await serveMetrics(engine, flags.metrics));
  const end = createDaemonEnd(engine, servers, () => {
    notify("STOPPING=1");
    page?.close();
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, end.onSignal);
  process.on("SIGUSR2", () => end.begin(true));
  process.on("SIGHUP", () => {
    try {
      const next = parseDaemonFlags(process.argv.slice(2));
      engine.reload(next.engine, listChanged(flags, next));
    } catch (error) {
      engine.logger.error({ error: messageOf(error) }, "the configuration was not reloaded");
    }
  });
  engine.onStopRequest = ({ stopContainers }) => end.begin(stopContainers);
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

main().catch((error: unknown) => {
  process.stderr.write(`berth daemon: ${error instanceof EngineError ? error.message : messageOf(error)}\n`);
  if (!(error instanceof EngineError) && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});

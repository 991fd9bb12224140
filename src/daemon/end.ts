import type { RequestListener, Server } from "node:http";
import { constants } from "node:os";
import type { OpenEngine } from "../engine/engine.ts";
import { exitNow } from "../sys/process.ts";

/** Signals of its end that a daemon takes before it no longer waits, as dockerd. */
const mostSignals = 3;

/** The end of the process, which comes once, as it was asked for first. */
export interface DaemonEnd {
  begin(stopContainers: boolean): void;
  /** SIGTERM and SIGINT: after three, one more ends the process as it is, with 128 and the signal's number. */
  onSignal(signal: "SIGTERM" | "SIGINT"): void;
}

/** @param onBegin called once, before anything is closed */
export function createDaemonEnd(
  engine: OpenEngine,
  servers: readonly Server[],
  onBegin: () => void,
): DaemonEnd {
  let isEnding = false;
  let signals = 0;

  async function end(stopContainers: boolean): Promise<void> {
    engine.logger.info(
      stopContainers ? "shutting down with all containers" : "shutting down; containers run on",
    );
    onBegin();
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
  }

  const begin = (stopContainers: boolean) => {
    if (isEnding) return engine.logger.info("the engine is shutting down already");
    isEnding = true;
    void end(stopContainers);
  };
  return {
    begin,
    onSignal(signal) {
      if (signals++ < mostSignals) return begin(false);
      engine.logger.warn({ signal }, `shutting down without clean-up, after ${signals} signals`);
      exitNow(128 + constants.signals[signal]);
    },
  };
}

const refuse: RequestListener = (_, output) => {
  output.writeHead(503, { "Content-Type": "application/json", Connection: "close" });
  output.end(JSON.stringify({ message: "the engine is stopping" }));
};

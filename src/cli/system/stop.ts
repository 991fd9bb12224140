import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { ApiError, ConnectionError } from "../../client/api-error.ts";
import type { Client } from "../../client/client.ts";
import type { EngineProcess } from "../../formats/docker-api/docker-api-system.ts";
import { defineCommand } from "../command.ts";
import { bool } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  description: "Containers that keep running are found and managed by the next engine on the same data.",
  arity: [0, 0],
  flags: {
    containers: bool(
      "",
      "Stop all containers first, and take down the supervisor, the bridges and the rules",
    ),
  },
  async run({ cli, flags }) {
    const client = await cli.client(false);
    const engine = await client.stopEngine({ containers: flags.containers });
    if (flags.containers) cli.warn("Stopping the containers, then the engine…");
    await untilGone(client, engine);
    cli.print(
      flags.containers ? "Containers and engine have stopped." : "The engine has stopped; containers run on.",
    );
    return 0;
  },
});

/**
 * A container is given its stop timeout, so there is no end to wait for but the engine's. Where systemd has opened the socket it takes
 * connections on, and the next engine may answer there at once.
 * @param engine as `stopEngine` gave it
 */
export async function untilGone(client: Client, engine: EngineProcess | undefined): Promise<void> {
  const process = findProcess(client, engine);
  let isEnding = false;
  for (;;) {
    const state = await Promise.race([ask(client), setTimeout(patienceMilliseconds, "silent" as const)]);
    if (state === "gone" || (state === "there" && isEnding)) return;
    if (process === undefined ? state === "silent" : !existsSync(process)) return;
    isEnding ||= state === "ending";
    await setTimeout(100);
  }
}

/** An engine that is ending answers at once that it is. */
const patienceMilliseconds = 2000;

/** What goes with the engine; undefined where it runs on another machine, or in a container that this program is outside of. */
function findProcess(client: Client, engine: EngineProcess | undefined): string | undefined {
  const path = `/proc/${engine?.Pid}`;
  return engine && client.host.startsWith("unix://") && existsSync(path) ? path : undefined;
}

async function ask(client: Client): Promise<"there" | "ending" | "gone"> {
  try {
    await client.ping();
    return "there";
  } catch (error) {
    if (error instanceof ConnectionError) return "gone";
    if (!(error instanceof ApiError)) throw error;
    return "ending";
  }
}

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
 * A container is given its stop timeout, so there is no end to wait for but the engine's.
 * @param engine as `stopEngine` gave it: a socket that systemd has opened takes connections on, and answers none
 */
export async function untilGone(client: Client, engine: EngineProcess | undefined): Promise<void> {
  for (;;) {
    const state = await Promise.race([ask(client), setTimeout(patienceMilliseconds, "silent" as const)]);
    if (state === "gone" || (state === "silent" && !isHere(engine))) return;
    await setTimeout(100);
  }
}

/** An engine that is ending answers at once that it is. */
const patienceMilliseconds = 2000;

const isHere = (engine: EngineProcess | undefined) =>
  engine !== undefined && existsSync(`/proc/${engine.Pid}`);

async function ask(client: Client): Promise<"there" | "gone"> {
  try {
    await client.ping();
  } catch (error) {
    if (error instanceof ConnectionError) return "gone";
    if (!(error instanceof ApiError)) throw error;
  }
  return "there";
}
